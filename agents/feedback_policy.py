"""Learns by PPO to get better from its own results: one policy for several families.

    python agents/feedback_policy.py --minutes 15
    python agents/feedback_policy.py --tasks few-label-tuning dirty-join tickets --episodes 3000

An episode is about a data set that the policy has never seen. It writes a command for the family's
own toolbox word by word, a choice for each axis; the command fits one model and prints how good it
was on data that were held back; and it writes the next one, or stops. It has six steps, and what
the last fit wrote is handed in. No program is the best on every data set, so what pays is to look,
and to know which choice to doubt after what was seen.

What keeps it from learning something else:
- Only words of the toolbox can be written (constrained decoding), since an error that costs nothing
  is a way to pass the time.
- Each step has its own advantage (a critic and GAE). `--credit episode` gives all steps of an
  episode the same one, its return minus the mean of its group, as GRPO does.
- A fit costs a little in training (--price), so that it stops when nothing is to be gained.
- Episodes in which the machinery failed are left out.

It trains on variants 1, 2, … and is judged, greedily, on held-out ones by the environment's
anchored score: 0 for knowing nothing, 1 for the best that can honestly be had. In --out it leaves
log.csv (the curves), summary.json (every held-out variant's score), policy.pt (which --load takes)
and, with matplotlib, curve.png. Ctrl-C ends the training early; what was learned is judged and
written all the same.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

import mle_gym
from mle_gym.authoring.toolbox import Toolbox, Words
from mle_gym.errors import MleGymError, TaskError

Array = npt.NDArray[Any]
View = tuple[Array, Array, Array]
"""What is known when a word is chosen; `Policy.view` explains it."""

AXES, ROWS = 6, 7
"""The most axes that a toolbox may have, and the most words of an axis, with the stop."""
FEATURES, SHARED = 23, 12
"""Numbers that describe a word that could be written, and how many of them are the same for all."""
ROUNDS, PARTS, CLIP = 4, 4, 0.2
"""How often PPO goes through a batch, in how many parts, and where it clips."""


def option(default: Any, text: str) -> Any:
    """A setting with its default and its line in `--help`."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Args:
    """Every setting; `--learning-rate 0.001` sets `learning_rate`."""

    tasks: tuple[str, ...] = option(("few-label-tuning",), "families that the policy learns")
    seed: int = option(1, "of everything that is drawn")
    episodes: int = option(2000, "training episodes of each family")
    minutes: float = option(0.0, "end the training after this long, evaluations apart; 0: never")
    num_envs: int = option(32, "episodes of each family that are played at the same time")
    group: int = option(4, "how many of them are about the same variant")
    steps: int = option(6, "steps of an episode")
    variants: int = option(64, "training variants: 1 to this")
    eval_variants: int = option(64, "held-out variants: -1 to minus this")
    evaluations: int = option(4, "how often it is judged during training")
    learning_rate: float = option(2e-3, "of Adam; from halfway on it falls to a tenth")
    entropy: float = option(0.06, "weight of the entropy bonus; from halfway on it falls to 0")
    credit: str = option("step", "what an advantage belongs to: step or episode")
    gae: float = option(0.9, "lambda of GAE: how far credit looks ahead")
    price: float = option(0.01, "what a fit costs in training")
    hide_validation: bool = option(False, "an ablation: the policy doesn't see how good a fit was")
    load: str = option("", "the policy.pt to begin with; with --episodes 0 it is only judged")
    sandbox: str = option("auto", "backend of the sandboxes")
    out: str = option("runs/feedback_policy", "folder of the results")


# ------------------------------------------------------------------------------------- the episodes


@dataclass(frozen=True)
class FamilyToolbox(Toolbox):
    """The commands of a family's `programs.toml`, as far as the policy has room for them."""

    @classmethod
    def of(cls, name: str) -> Self:
        """The toolbox of a family.

        Raises:
            TaskError: Its programs differ in more than single words, or there are too many words.
        """
        found = super().of(name)
        if len(found.axes) > AXES or max(map(len, found.axes)) >= ROWS:
            raise TaskError(f"{name}: expected at most {AXES} axes of {ROWS - 1} words")
        return found

    def name(self, axis: int, word: str) -> str:
        """A word in the policy's vocabulary: in another family it may mean something else."""
        return f"{self.task} {axis} {word}"


@dataclass(frozen=True)
class Outcome:
    """What a step led to."""

    validation: float | None
    reward: float
    over: bool
    failed: bool = False
    """Whether the machinery failed, so that the reward says nothing about the policy."""


class World(Protocol):
    """Where a family's episodes are played, several at a time."""

    def start(self, variants: Sequence[int]) -> None:
        """Begin an episode of each variant."""

    def step(self, written: Mapping[int, Words | None]) -> dict[int, Outcome]:
        """Run what was written in some of the episodes; None hands in what there is."""

    def close(self) -> None:
        """End the episodes."""


class Environments:
    """The real world: a vector environment."""

    def __init__(self, args: Args, toolbox: FamilyToolbox) -> None:
        self._toolbox = toolbox
        self.envs = mle_gym.make_vec(
            toolbox.task,
            args.num_envs,
            size="micro",
            reward="anchored",
            max_steps=args.steps,
            sandbox=args.sandbox,
            autoreset_mode="disabled",
        )

    def start(self, variants: Sequence[int]) -> None:
        """Begin an episode of each variant. Environments without one wait."""
        spare = [variants[0]] * (self.envs.num_envs - len(variants))
        self.envs.reset(seed=0, options=[{"variant": each} for each in (*variants, *spare)])

    def step(self, written: Mapping[int, Words | None]) -> dict[int, Outcome]:
        """Run the commands in parallel."""
        scripts = ["submit"] * self.envs.num_envs
        for i, words in written.items():
            scripts[i] = "submit" if words is None else self._toolbox.command(words)
        mask = np.isin(np.arange(len(scripts)), list(written))
        seen, rewards, ended, cut, infos = self.envs.step(tuple(scripts), mask=mask)
        return {
            i: Outcome(
                None if words is None else self._toolbox.read(seen["output"][i]),
                float(rewards[i]),
                bool(ended[i] or cut[i]),
                not infos["reward_valid"][i],
            )
            for i, words in written.items()
        }

    def close(self) -> None:
        """End the sandboxes."""
        self.envs.close()


@dataclass(frozen=True)
class Try:
    """A fit: what was written, and how good it said it was."""

    words: Words
    validation: float | None


@dataclass(frozen=True)
class Decision:
    """A word that was chosen, with what was known then."""

    view: View
    choice: int
    """The row of the view; 0 is to stop."""
    log_probability: float


@dataclass
class Episode:
    """What the policy did about one variant, and what it earned."""

    task: str
    variant: int
    tries: list[Try] = field(default_factory=list)
    steps: list[list[Decision]] = field(default_factory=list)
    earned: float = 0.0
    over: bool = False
    failed: bool = False


def play(
    world: World,
    toolbox: FamilyToolbox,
    policy: Policy,
    variants: Sequence[int],
    *,
    greedy: bool = False,
) -> list[Episode]:
    """Play an episode of each variant, all at the same time."""
    world.start(variants)
    episodes = [Episode(toolbox.task, variant) for variant in variants]
    while going := [i for i, episode in enumerate(episodes) if not episode.over]:
        written = policy.write(toolbox, [episodes[i].tries for i in going], greedy=greedy)
        outcomes = world.step({i: words for i, (words, _) in zip(going, written, strict=True)})
        for i, (words, decisions) in zip(going, written, strict=True):
            episode, outcome = episodes[i], outcomes[i]
            episode.steps.append(decisions)
            episode.earned += outcome.reward
            episode.over, episode.failed = outcome.over or outcome.failed, outcome.failed
            if words is not None:
                hidden = policy.args.hide_validation
                episode.tries.append(Try(words, None if hidden else outcome.validation))
    return episodes


# --------------------------------------------------------------------------------------- the policy


def describe(toolbox: FamilyToolbox, tries: list[Try], written: Words, steps: int) -> list[float]:
    """What the episode so far says about the last word of `written`, in FEATURES numbers.

    The SHARED ones are about the episode and the words before, the others about the word: by
    itself, and after the words before it. Nothing in them depends on which family it is.
    """
    size, at = len(written), len(written) - 1
    known = [(t.words, t.validation) for t in tries if t.validation is not None]
    best, top = max(known, key=lambda each: each[1], default=((), 0.0))
    last = tries[-1] if tries else Try((), None)
    changed = sum(a != b for a, b in zip(written[:-1], best, strict=False))
    here = [value for words, value in known if words[:size] == written]
    having = [value for words, value in known if words[at] == written[at]]
    others = [value for words, value in known if words[at] != written[at]]
    tried = {t.words for t in tries if t.words[:size] == written}
    return [
        len(tries) / steps,
        len(tries) == steps - 1,
        len({t.words for t in tries}) / steps,
        at / len(toolbox.axes),
        (len(toolbox.axes) - at) / AXES,
        bool(best),
        top,
        0.0 if last.validation is None else last.validation - top,
        bool(best) and last.words == best,
        *(bool(best) and min(changed, 2) == count for count in range(3)),
        bool(tried),
        len(tried) == np.prod([len(words) for words in toolbox.axes[size:]]),
        max(here) - top if here else 0.0,
        any(t.words[at] == written[at] for t in tries),
        max(having) - top if having else 0.0,
        max(having) - max(others) if having and others else 0.0,
        bool(having) and not others,
        best[at : at + 1] == written[at:],
        best[:size] == written,
        last.words[at : at + 1] == written[at:],
        last.words[:size] == written,
    ]


class Network(nn.Module):
    """Scores each word that could be written by what is known of it; or the situation as a whole.

    Args:
        words: How many words there are, with the stop.
        critic: Whether to give one value, of the words' average, in place of a score for each.
    """

    def __init__(self, words: int, *, critic: bool = False, hidden: int = 64, size: int = 8):
        super().__init__()
        self.critic = critic
        self.embedding = nn.Embedding(1 + words, size, padding_idx=0)
        layers = nn.Linear(FEATURES + 3 * size, hidden), nn.Linear(hidden, hidden)
        self.body = nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh())
        self.head = nn.Linear(hidden, 1)
        with torch.no_grad():
            self.embedding.weight.mul_(0.3)  # what is known of a word counts more than which it is
        nn.init.zeros_(self.head.weight)  # at the start every word is equally likely
        nn.init.zeros_(self.head.bias)

    def forward(self, features: Tensor, numbers: Tensor, possible: Tensor) -> Tensor:
        """Log-probabilities of shape (batch, ROWS), or values of shape (batch,)."""
        known = self.embedding(numbers)
        before, best = known[..., 1 : 1 + AXES, :].sum(-2), known[..., 1 + AXES :, :].sum(-2)
        hidden = self.body(torch.cat([features, known[..., 0, :], before, best], -1))
        if self.critic:
            share = (possible / possible.sum(-1, keepdim=True))[..., None]
            value: Tensor = self.head((hidden * share).sum(-2))[..., 0]
            return value
        scores: Tensor = self.head(hidden)[..., 0].masked_fill(~possible, -1e9)
        return scores.log_softmax(-1)


class Policy:
    """Writes commands, and learns from episodes.

    Args:
        args: The settings.
        names: The vocabulary. A word's place is its row of the embedding.
    """

    def __init__(self, args: Args, names: Sequence[str]) -> None:
        torch.manual_seed(args.seed)
        self.args, self.names = args, list(names)
        self._rows = {name: row for row, name in enumerate(self.names, start=1)}
        self.actor = Network(len(names))
        self.critic = Network(len(names), critic=True)
        self.optimizers = {
            network: torch.optim.Adam(network.parameters(), args.learning_rate)
            for network in (self.actor, self.critic)
        }

    def write(
        self, toolbox: FamilyToolbox, histories: Sequence[list[Try]], *, greedy: bool
    ) -> list[tuple[Words | None, list[Decision]]]:
        """The next command after each history, word by word; None is to stop."""
        prefixes: list[Words] = [()] * len(histories)
        decisions: list[list[Decision]] = [[] for _ in histories]
        writing = list(range(len(histories)))
        for words in toolbox.axes:
            if not writing:
                break
            views = [self.view(toolbox, histories[i], prefixes[i]) for i in writing]
            with torch.no_grad():
                chances = self.actor(*_stack(views))
            drawn = chances.argmax(-1) if greedy else torch.multinomial(chances.exp(), 1)[:, 0]
            for i, seen, row, chance in zip(writing, views, drawn.tolist(), chances, strict=True):
                decisions[i].append(Decision(seen, row, float(chance[row])))
                prefixes[i] += (words[row - 1],) if row else ()
            writing = [i for i in writing if decisions[i][-1].choice]
        return [(words or None, made) for words, made in zip(prefixes, decisions, strict=True)]

    def view(self, toolbox: FamilyToolbox, tries: list[Try], prefix: Words) -> View:
        """What is known of each word that could be written after others; the first is to stop.

        Returns:
            Features of shape (ROWS, FEATURES); rows of the embedding of shape (ROWS, 1 + 2 * AXES),
            for the word itself, the words before it and those of the best fit so far, where 0 is
            none, or a word that wasn't trained on; and which of the ROWS are possible.
        """
        axis, steps = len(prefix), self.args.steps
        features = np.zeros((ROWS, FEATURES), np.float32)
        numbers = np.zeros((ROWS, 1 + 2 * AXES), np.int64)
        possible = np.zeros(ROWS, np.bool_)
        best = max((t for t in tries if t.validation is not None), key=_worth, default=Try((), 0))
        for at, known in ((1, prefix), (1 + AXES, best.words)):
            found = [self._rows.get(toolbox.name(*word), 0) for word in enumerate(known)]
            numbers[:, at : at + len(found)] = found
        for row, word in enumerate(toolbox.axes[axis], start=1):
            features[row] = describe(toolbox, tries, (*prefix, word), steps)
            numbers[row, 0], possible[row] = self._rows.get(toolbox.name(axis, word), 0), True
        features[0, :SHARED] = features[1, :SHARED]
        numbers[0, 0], possible[0] = self._rows["stop"], bool(tries) and not prefix
        return features, numbers, possible

    def update(self, episodes: Sequence[Episode], progress: float) -> float:
        """Rounds of PPO on a batch; returns the mean entropy of a word, in nats.

        Args:
            episodes: What was played with the present weights, without failures.
            progress: How much of training is over, from 0 to 1.
        """
        steps = [step for episode in episodes for step in episode.steps]
        words = [word for step in steps for word in step]
        situations, views = (_stack([d.view for d in ds]) for ds in ([s[0] for s in steps], words))
        with torch.no_grad():
            values = self.critic(*situations).numpy()
        advantages, returns = credit(self.args, episodes, values)
        goals, spread = torch.from_numpy(returns), torch.zeros(())
        taken = torch.tensor([[word.choice] for word in words])
        before = torch.tensor([word.log_probability for word in words])
        gain = torch.from_numpy(np.repeat(advantages, [len(step) for step in steps]))
        gain = (gain - gain.mean()) / (gain.std() + 1e-3)
        for _ in range(ROUNDS):
            for part in torch.randperm(len(words)).chunk(PARTS):
                chances = self.actor(*(each[part] for each in views))
                ratio = (chances.gather(1, taken[part])[:, 0] - before[part]).exp()
                clipped = ratio.clamp(1 - CLIP, 1 + CLIP)
                better = torch.min(ratio * gain[part], clipped * gain[part]).mean()
                spread = -(chances.exp() * chances.clamp(min=-20)).sum(-1).mean()
                bonus = self.args.entropy * min(1.0, 2 - 2 * progress) * spread
                self._descend(self.actor, -better - bonus, progress)
            for part in torch.randperm(len(steps)).chunk(PARTS):
                error = self.critic(*(each[part] for each in situations)) - goals[part]
                self._descend(self.critic, error.square().mean(), progress)
        return float(spread.detach())

    def _descend(self, network: Network, loss: Tensor, progress: float) -> None:
        optimizer = self.optimizers[network]
        optimizer.param_groups[0]["lr"] = self.args.learning_rate * max(
            0.1, min(1.0, 2 - 2 * progress)
        )
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    def save(self, path: Path) -> None:
        """Write a checkpoint."""
        networks = [network.state_dict() for network in self.optimizers]
        optimizers = [optimizer.state_dict() for optimizer in self.optimizers.values()]
        torch.save({"names": self.names, "networks": networks, "optimizers": optimizers}, path)

    @classmethod
    def load(cls, args: Args, path: str) -> Policy:
        """The policy of a checkpoint. Other families than its own are played without words."""
        state = torch.load(path, weights_only=True)
        policy = cls(args, state["names"])
        for at, (network, optimizer) in enumerate(policy.optimizers.items()):
            network.load_state_dict(state["networks"][at])
            optimizer.load_state_dict(state["optimizers"][at])
        return policy


def _worth(attempt: Try) -> float:
    return attempt.validation or 0.0


def _stack(views: Sequence[View]) -> list[Tensor]:
    """Views as one batch, without the rows that none of them needs."""
    rows = 1 + max(int(possible.nonzero()[0][-1]) for _, _, possible in views)
    parts = zip(*views, strict=True)
    return [torch.from_numpy(np.stack([each[:rows] for each in part])) for part in parts]


def credit(args: Args, episodes: Sequence[Episode], values: Array) -> tuple[Array, Array]:
    """The advantage of each step, and the return from it on, which the critic learns.

    Args:
        args: `credit`, `gae` and `price` of them.
        episodes: Those about the same variant are a group.
        values: What the critic expects at each step of all episodes, in order.
    """
    advantages, returns = np.zeros((2, len(values)), np.float32)
    ends = np.cumsum([len(episode.steps) for episode in episodes])
    for end, episode in zip(ends, episodes, strict=True):
        expected, advantage, rest = 0.0, 0.0, episode.earned
        for at in range(end - 1, end - 1 - len(episode.steps), -1):
            reward = -args.price * (episode.steps[at - end][0].choice > 0)
            rest += reward
            reward += episode.earned * (at == end - 1)
            advantage = reward + expected - values[at] + args.gae * advantage
            expected = values[at]
            advantages[at], returns[at] = advantage, rest
    if args.credit == "episode":
        whole = returns[ends - [len(episode.steps) for episode in episodes]]
        about = [f"{episode.task} {episode.variant}" for episode in episodes]
        means = {each: whole[[other == each for other in about]].mean() for each in about}
        above = whole - [means[each] for each in about]
        advantages = np.repeat(above, [len(episode.steps) for episode in episodes])
    return advantages.astype(np.float32), returns


# ------------------------------------------------------------------------------------- the training


class Run:
    """Trains one policy and writes down how it does.

    Args:
        args: The settings.
        make_world: Where a family's episodes are played.
    """

    def __init__(
        self, args: Args, make_world: Callable[[Args, FamilyToolbox], World] = Environments
    ) -> None:
        if min(args.group, args.num_envs) < 1 or args.credit not in ("step", "episode"):
            raise SystemExit("expected --group and --num-envs from 1 on, --credit step or episode")
        self.args, self.out = args, Path(args.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.toolboxes = [FamilyToolbox.of(task) for task in args.tasks]
        self.worlds = [make_world(args, toolbox) for toolbox in self.toolboxes]
        names = [t.name(i, w) for t in self.toolboxes for i, ws in enumerate(t.axes) for w in ws]
        self.policy = Policy.load(args, args.load) if args.load else Policy(args, ["stop", *names])
        self.played = self.failures = 0
        self.seconds = 0.0
        """Of training, without evaluations."""
        self._rng = np.random.default_rng(args.seed)
        self._log: list[dict[str, Any]] = []

    @property
    def progress(self) -> float:
        """The share of the episodes, or of the minutes, that is used up."""
        spent = self.seconds / (60 * self.args.minutes) if self.args.minutes else 0.0
        return max(self.played / self.args.episodes if self.args.episodes else 1.0, spent)

    def train(self) -> None:
        """Play and learn until the episodes or the minutes are used up."""
        judged = 0
        while self.progress < 1:
            if self.progress * self.args.evaluations >= judged:
                self.judge()
                judged += 1
            started = time.monotonic()
            episodes = [e for world, tools in self._families() for e in self._batch(world, tools)]
            sound = [episode for episode in episodes if not episode.failed]
            self.failures += len(episodes) - len(sound)
            entropy = self.policy.update(sound, min(1.0, self.progress)) if sound else 0.0
            self.played += self.args.num_envs
            self.seconds += time.monotonic() - started
            self._note("training", sound, entropy)

    def judge(self) -> dict[str, list[Episode]]:
        """Play held-out variants greedily; the episodes of each family."""
        size, count = self.args.num_envs, self.args.eval_variants
        found: dict[str, list[Episode]] = {}
        for world, tools in self._families():
            for first in range(1, count + 1, size):
                variants = [-v for v in range(first, min(first + size, count + 1))]
                episodes = play(world, tools, self.policy, variants, greedy=True)
                found.setdefault(tools.task, []).extend(episodes)
            self._note("held-out", [e for e in found[tools.task] if not e.failed], 0.0)
        self.policy.save(self.out / "policy.pt")
        return found

    def _families(self) -> list[tuple[World, FamilyToolbox]]:
        return list(zip(self.worlds, self.toolboxes, strict=True))

    def _batch(self, world: World, toolbox: FamilyToolbox) -> list[Episode]:
        """Episodes of one family, in groups about the same variant."""
        size = min(self.args.group, self.args.num_envs)
        count = self.args.num_envs // size
        drawn = 1 + self._rng.choice(self.args.variants, count, replace=count > self.args.variants)
        variants = [int(variant) for variant in np.repeat(drawn, size)]
        return play(world, toolbox, self.policy, variants)

    def _note(self, kind: str, episodes: list[Episode], entropy: float) -> None:
        """Write a row of the log for each family, and print it."""
        for task in dict.fromkeys(episode.task for episode in episodes):
            mine = [episode for episode in episodes if episode.task == task]
            row = {
                "task": task,
                "kind": kind,
                "episodes": self.played,
                "seconds": round(self.seconds, 1),
                "score": round(float(np.mean([episode.earned for episode in mine])), 4),
                "fits": round(float(np.mean([len(episode.tries) for episode in mine])), 2),
                "entropy": round(entropy, 3),
            }
            self._log.append(row)
            done = f"{self.played} episodes, {self.seconds:.0f} s"
            print(f"{done}: {task} {kind} {row['score']:.3f}, {row['fits']} fits", flush=True)
        with (self.out / "log.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, self._log[0])
            writer.writeheader()
            writer.writerows(self._log)

    def finish(self) -> dict[str, Any]:
        """Judge the policy, and write the summary and the picture."""
        summary: dict[str, Any] = {
            "args": dataclasses.asdict(self.args),
            "version": mle_gym.__version__,
            "episodes": self.played,
            "seconds": round(self.seconds, 1),
            "failures": self.failures,
            "heldout": {
                task: [
                    {
                        "variant": episode.variant,
                        "score": episode.earned,
                        "tries": [[*each.words, each.validation] for each in episode.tries],
                    }
                    for episode in episodes
                    if not episode.failed
                ]
                for task, episodes in self.judge().items()
            },
        }
        (self.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        draw(self.out, self._log)
        return summary

    def close(self) -> None:
        """End what is still running."""
        for world in self.worlds:
            world.close()


def draw(out: Path, log: Sequence[Mapping[str, Any]]) -> None:
    """Draw the curves: what training episodes score, and what held-out variants do."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: pip install 'mle-gym[plot]'")
        return
    figure = Figure(figsize=(6.4, 4), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    for color, task in enumerate(dict.fromkeys(row["task"] for row in log)):
        for kind, style in (("training", "-"), ("held-out", "o--")):
            rows = [row for row in log if (row["task"], row["kind"]) == (task, kind)]
            label = f"{task}, {kind} variants"
            x, y = [row["episodes"] for row in rows], [row["score"] for row in rows]
            axes.plot(x, y, style, color=f"C{color}", alpha=0.5 if style == "-" else 1, label=label)
    axes.set(xlabel="training episodes", ylabel="anchored score", ylim=(0, 1))
    axes.legend(loc="lower right", fontsize=8)
    figure.savefig(out / "curve.png")


def parse(arguments: Sequence[str] | None = None) -> Args:
    """Args from the command line: one option for each field, with its name and type."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for each in dataclasses.fields(Args):
        default: Any = each.default
        text = each.metadata["help"]
        many = isinstance(default, tuple)
        shown = " ".join(map(str, default)) if many else str(default) or "none"
        kind: dict[str, Any] = {"type": str if many else type(default), "metavar": "X"}
        if isinstance(default, bool):
            kind = {"action": "store_true"}
        elif many:
            kind |= {"nargs": "+", "metavar": "TASK"}
        name = f"--{each.name.replace('_', '-')}"
        parser.add_argument(name, default=default, help=f"{text} (default: {shown})", **kind)
    values = vars(parser.parse_args(arguments))
    return Args(**values | {"tasks": tuple(values["tasks"])})


def main() -> None:
    """Train, judge, and write what came of it."""
    torch.set_num_threads(1)  # the networks are small, and the sandboxes need the processors
    try:
        learning = Run(parse())
    except MleGymError as error:
        raise SystemExit(str(error)) from None
    with contextlib.closing(learning) as run:
        try:
            run.train()
        except KeyboardInterrupt:
            print("\nthe training ends early")
        summary = run.finish()
    for task, episodes in summary["heldout"].items():
        mean = np.mean([episode["score"] for episode in episodes])
        print(f"{task}: {mean:.3f} on {len(episodes)} held-out variants; see {run.out}")


if __name__ == "__main__":
    main()
