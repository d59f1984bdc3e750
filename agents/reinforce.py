"""Learns by REINFORCE which pipeline to build: a complete RL training loop, with numpy alone.

    python agents/reinforce.py --tasks titanic penguins --seeds 1 2 3

The policy sees the text of the last output as a vector (TextFeatures) and picks the next command
from a menu (CommandMenu): which columns to train on, how many rows, which model, and then to train
and submit. Training before all three are chosen is an error, as is a program with a missing part,
so a policy that picks at random rarely reaches a submission. The reward is the task's normalized
score, paid once, at the end.

Training episodes are played on variants 1, 2, … (splits of the canonical training rows), so the
canonical test rows of variant 0, on which the policy is evaluated before and after, are never
trained on. It works for any tabular task with one predicted column.

It writes log.csv (one row for each update), summary.json and, if matplotlib is installed, curve.png
to --out.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

import mle_gym  # registers the tasks
from mle_gym.wrappers import CommandMenu, TextFeatures

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Args:
    """Every setting, with its default; `--learning-rate 0.2` sets `learning_rate`."""

    tasks: tuple[str, ...] = ("titanic",)
    """One policy is trained for each task and each seed."""
    seeds: tuple[int, ...] = (1,)
    """The seeds of the policy's choices and of everything else that is drawn."""
    episodes: int = 256
    """Training episodes for each policy."""
    num_envs: int = 8
    """Environments in parallel. The policy is updated after each batch of this many episodes."""
    max_steps: int = 8
    """Commands in an episode. Three choices and the training are required."""
    variants: int = 8
    """Training episodes use variants from 1 to this, so that only a few datasets are prepared."""
    learning_rate: float = 0.2
    """The learning rate of Adam."""
    entropy: float = 0.2
    """The weight of the entropy bonus at the start. It falls linearly to 0."""
    features: int = 256
    """Buckets of the hashed bag of words that represents the last output."""
    eval_episodes: int = 24
    """Episodes on variant 0, before and after training."""
    sandbox: str = "auto"
    """The backend of the sandboxes."""
    out: Path = Path("runs/reinforce")
    """The folder of the log, the summary and the picture."""


CHOICES = {
    "FEATURES": ("numbers", "everything"),
    "ROWS": ("few", "full"),
    "MODEL": ("constant", "stump", "linear", "forest"),
}
"""The decisions to make, and the options of each."""

STATE = 'echo "chosen: ${FEATURES:-featureless} ${ROWS:-rowless} ${MODEL:-modelless}"'
"""Ends every command that does not end the episode, since the policy sees only what it prints."""

TRAIN = f"""python - <<'END' && submit || {STATE}
import os, sys

choices = [os.environ.get(name, "") for name in ("FEATURES", "ROWS", "MODEL")]
if not all(choices):
    sys.exit("nothing trained: FEATURES, ROWS and MODEL must be chosen first")
features, rows, model = choices

import pandas as pd

train, test, sample = (pd.read_csv(f"data/{{name}}.csv") for name in
                       ("train", "test", "sample_submission"))
key, target = sample.columns
train = train.head(20) if rows == "few" else train
both = pd.concat([train, test], ignore_index=True).drop(columns=[key, target])
X = both.select_dtypes("number")
words = both.drop(columns=X.columns)
X = X.fillna(X.median())
if features == "everything":
    words = words.loc[:, words.nunique() <= 20].astype(str)
    X = X.join(pd.get_dummies(words) if len(words.columns) else words)
if X.empty:
    sys.exit("nothing trained: no column is left to learn from")
X = (X - X.mean()) / X.std().replace(0, 1)

from sklearn import dummy, ensemble, linear_model, tree

y = train[target]
measured = pd.api.types.is_numeric_dtype(y) and y.nunique() > 10
kinds = {{
    "constant": (dummy.DummyRegressor, dummy.DummyClassifier, {{}}),
    "stump": (tree.DecisionTreeRegressor, tree.DecisionTreeClassifier, {{"max_depth": 1}}),
    "linear": (linear_model.Ridge, linear_model.LogisticRegression, {{}}),
    "forest": (ensemble.RandomForestRegressor, ensemble.RandomForestClassifier, {{}}),
}}
regressor, classifier, options = kinds[model]
if model in ("stump", "forest"):
    options["random_state"] = 0
fitted = (regressor if measured else classifier)(**options).fit(X[: len(train)], y)
if not measured and sample[target].dtype == float:
    sample[target] = fitted.predict_proba(X[len(train) :])[:, -1]
else:
    sample[target] = fitted.predict(X[len(train) :])
sample.to_csv("submission.csv", index=False)
END"""

MENU = [
    *(f"export {name}={value}; {STATE}" for name, values in CHOICES.items() for value in values),
    TRAIN,
]
LABELS = [*itertools.chain.from_iterable(CHOICES.values()), "train and submit"]


@dataclass
class Episode:
    """The observations, actions and return of one episode."""

    features: list[Array] = field(default_factory=list)
    actions: list[int] = field(default_factory=list)
    earned: float = 0.0
    broken: bool = False
    """Whether the machinery failed, so that the return says nothing about the actions."""


class Policy:
    """A linear softmax over the menu, and a linear baseline for its returns.

    Args:
        inputs: Length of an observation's vector.
        seed: Seed of the actions that it samples.
    """

    def __init__(self, inputs: int, seed: int) -> None:
        self.weights = np.zeros((inputs + 1, len(MENU)))
        self.baseline = np.zeros(inputs + 1)
        self._moments = np.zeros((2, *self.weights.shape))
        self._updates = 0
        self._rng = np.random.default_rng(seed)

    def probabilities(self, features: Array) -> Array:
        """The probability of every command, shape (..., len(MENU))."""
        logits = features @ self.weights
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

    def sample(self, features: Array) -> npt.NDArray[np.int64]:
        """One command for each row."""
        chances = self.probabilities(features).cumsum(axis=-1)
        draws = self._rng.random((len(features), 1))
        return np.asarray(np.minimum((draws > chances).sum(axis=-1), len(MENU) - 1))

    def update(self, episodes: list[Episode], *, rate: float, bonus: float) -> float:
        """One step up the policy gradient; returns the mean entropy in nats."""
        X = np.array([row for episode in episodes for row in episode.features])
        taken = np.array([action for episode in episodes for action in episode.actions])
        returns = np.repeat([e.earned for e in episodes], [len(e.actions) for e in episodes])
        advantages = returns - X @ self.baseline
        gram = X.T @ X + np.eye(X.shape[1])
        self.baseline += 0.5 * np.linalg.solve(gram, X.T @ advantages)
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-3)

        chances = self.probabilities(X)
        surprise = -np.log(chances + 1e-12)
        entropy = (chances * surprise).sum(axis=-1, keepdims=True)
        gradient = (np.eye(len(MENU))[taken] - chances) * advantages[:, None]
        gradient += bonus * chances * (surprise - entropy)
        self._adam(X.T @ gradient / len(X), rate)
        return float(entropy.mean())

    def _adam(self, gradient: Array, rate: float) -> None:
        self._updates += 1
        decays = np.array([0.9, 0.99])[:, None, None]
        self._moments = decays * self._moments + (1 - decays) * [gradient, gradient**2]
        first, second = self._moments / (1 - decays**self._updates)
        self.weights += rate * first / (np.sqrt(second) + 1e-8)


def make_envs(args: Args, task: str, *, training: bool) -> gym.vector.VectorEnv[Any, Any, Any]:
    """Parallel environments whose observations are vectors and whose actions are numbers."""
    wrappers = [
        lambda env: CommandMenu(env, MENU),
        lambda env: TextFeatures(env, args.features),
    ]
    return gym.make_vec(
        task if "/" in task else f"mle/{task}-v0",
        num_envs=args.num_envs,
        variant=f"1-{args.variants}" if training else 0,
        max_steps=args.max_steps,
        sandbox=args.sandbox,
        autoreset_mode="same_step",
        env_wrappers=wrappers,
    )


def play(envs: gym.vector.VectorEnv[Any, Any, Any], policy: Policy, seed: int) -> Iterator[Episode]:
    """Yield episodes as they end, for ever. Each environment starts its next one immediately."""
    observations, _ = envs.reset(seed=seed)
    running = [Episode() for _ in range(envs.num_envs)]
    while True:
        features = with_bias(observations)
        actions = policy.sample(features)
        observations, rewards, terminations, truncations, infos = envs.step(actions)
        valid = infos.get("final_info", infos)["reward_valid"]
        for i, episode in enumerate(running):
            episode.features.append(features[i])
            episode.actions.append(int(actions[i]))
            episode.earned += float(rewards[i])
            if terminations[i] or truncations[i]:
                episode.broken = not valid[i]
                running[i] = Episode()
                yield episode


def with_bias(observations: Array) -> Array:
    """The observations with a constant column."""
    return np.hstack([observations, np.ones((len(observations), 1))])


def evaluate(args: Args, task: str, policy: Policy, seed: int) -> dict[str, Any]:
    """The mean return on variant 0, its standard error, and the commonest pipeline."""
    envs = make_envs(args, task, training=False)
    try:
        episodes = list(itertools.islice(play(envs, policy, seed), args.eval_episodes))
    finally:
        envs.close()
    returns = np.array([episode.earned for episode in episodes if not episode.broken])
    plans = [" > ".join(LABELS[action] for action in episode.actions) for episode in episodes]
    return {
        "mean": round(float(returns.mean()), 4),
        "standard_error": round(standard_error(returns), 4),
        "episodes": len(returns),
        "commonest": max(plans, key=plans.count),
    }


def standard_error(values: Array) -> float:
    """The standard error of the mean; 0 for a single value, which has none."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def train(args: Args, task: str, seed: int, log: Any) -> dict[str, Any]:
    """Train one policy and evaluate it before and after. Each update writes a row of the log."""
    envs = make_envs(args, task, training=True)
    policy = Policy(gym.spaces.flatdim(envs.single_observation_space), seed)
    started = time.monotonic()
    before = evaluate(args, task, policy, seed)
    try:
        episodes = play(envs, policy, seed)
        for number in range(args.num_envs, args.episodes + 1, args.num_envs):
            batch = [e for e in itertools.islice(episodes, args.num_envs) if not e.broken]
            bonus = args.entropy * (1 - number / args.episodes)
            entropy = policy.update(batch, rate=args.learning_rate, bonus=bonus) if batch else 0.0
            mean = float(np.mean([episode.earned for episode in batch])) if batch else 0.0
            seconds = time.monotonic() - started
            log.writerow([task, seed, number, f"{mean:.4f}", f"{entropy:.4f}", f"{seconds:.1f}"])
            print(f"{task} {seed}: {number} episodes, {mean:.3f}, {seconds:.0f} s", flush=True)
    finally:
        envs.close()
    after = evaluate(args, task, policy, seed)
    seconds = round(time.monotonic() - started, 1)
    return {"task": task, "seed": seed, "before": before, "after": after, "seconds": seconds}


def plot(args: Args, results: list[dict[str, Any]]) -> None:
    """Draw the learning curves, one panel for each task, one line for each seed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: pip install 'mle-gym[plot]'")
        return
    rows = list(csv.DictReader((args.out / "log.csv").open()))
    figure = Figure(figsize=(4.8 * len(args.tasks), 3.6), layout="constrained", dpi=150)
    panels = figure.subplots(1, len(args.tasks), sharey=True, squeeze=False)[0]
    for axes, task in zip(panels, args.tasks, strict=True):
        for color, seed in zip(itertools.cycle(["C0", "C1", "C2", "C3", "C4"]), args.seeds):
            mine = [row for row in rows if (row["task"], row["seed"]) == (task, str(seed))]
            x = [int(row["episodes"]) for row in mine]
            y = smooth([float(row["return"]) for row in mine])
            axes.plot(x, y, color=color, label=f"seed {seed}")
        mine_before = [r["before"]["mean"] for r in results if r["task"] == task]
        axes.axhline(np.mean(mine_before), color="gray", ls=":", label="uniform policy")
        axes.set(title=task, xlabel="training episodes", ylim=(0, 1))
    panels[0].set_ylabel("return (normalized score)")
    panels[-1].legend(loc="lower right")
    figure.savefig(args.out / "curve.png")


def smooth(values: list[float], window: int = 5) -> list[float]:
    """Means over the last few updates."""
    return [float(np.mean(values[max(0, i - window + 1) : i + 1])) for i in range(len(values))]


def parse() -> Args:
    """Args from the command line: one option for each field, with its name and type."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for each in dataclasses.fields(Args):
        default: Any = each.default
        many = isinstance(default, tuple)
        parser.add_argument(
            f"--{each.name.replace('_', '-')}",
            type=type(default[0] if many else default),
            nargs="+" if many else None,
            default=default,
            help=f"default: {' '.join(map(str, default)) if many else default}",
        )
    values: dict[str, Any] = vars(parser.parse_args())
    values = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    return Args(**values)


def main() -> None:
    """Train for every task and seed, then draw the picture."""
    args = parse()
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "log.csv").open("w", buffering=1, newline="") as file:
        log = csv.writer(file)
        log.writerow(["task", "seed", "episodes", "return", "entropy", "seconds"])
        results: list[dict[str, Any]] = []
        for task, seed in itertools.product(args.tasks, args.seeds):
            results.append(train(args, task, seed, log))
            summarize(args, results)
    plot(args, results)


def summarize(args: Args, results: list[dict[str, Any]]) -> None:
    """Write the results so far, and report what the last policy learned."""
    plain = {**dataclasses.asdict(args), "out": str(args.out)}
    summary = {"args": plain, "version": mle_gym.__version__, "results": results}
    (args.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    last = results[-1]
    for when in ("before", "after"):
        found = last[when]
        print(
            f"{last['task']} seed {last['seed']}, variant 0, {when} training: "
            f"{found['mean']:.3f} ± {found['standard_error']:.3f}; mostly {found['commonest']}"
        )


if __name__ == "__main__":
    main()
