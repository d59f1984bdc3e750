"""Learns with Stable-Baselines3 to choose from a menu, one decision after another, by looking.

    pip install "mle-gym[sb3]"
    python agents/ppo_menu.py --task few-label-tuning --episodes 2000

A family's toolbox fits one model a command, and its programs differ in single words. Each entry of
the menu changes one word, runs the program and prints how good the fit was on data that were held
back; the last entry submits. Words are variables of the episode's shell, so a decision builds on
the ones before it. What the policy sees is what came of each word so far. MaskablePPO (sb3-contrib)
never chooses a word that is chosen already, and submits only what was fitted.

It trains on variants 1, 2, … and is judged, greedily, on held-out ones by the anchored score.
`agents/feedback_policy.py` is the stronger learner, which shares what it learns between words;
`agents/evolve.py` searches without learning. It writes log.csv, summary.json and policy.zip to
--out.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback

import mle_gym
from mle_gym.authoring.toolbox import Toolbox, Words
from mle_gym.errors import MleGymError
from mle_gym.integrations.stable_baselines import StableBaselinesVecEnv
from mle_gym.wrappers import CommandMenu

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Args:
    """Every setting, with its default; `--learning-rate 0.001` sets `learning_rate`."""

    task: str = "few-label-tuning"
    """A family whose programs differ in single words."""
    episodes: int = 2000
    """Training episodes."""
    num_envs: int = 16
    """Episodes that are played at the same time."""
    max_steps: int = 7
    """Decisions in an episode: fits, and the submission, which the end of the steps replaces."""
    n_steps: int = 32
    """Decisions in each environment between two updates."""
    variants: int = 64
    """Training variants: 1 to this."""
    eval_variants: int = 64
    """Held-out variants: -1 to minus this."""
    learning_rate: float = 1e-3
    """Of Adam."""
    entropy: float = 0.02
    """The weight of the entropy bonus."""
    seed: int = 1
    """Of everything that is drawn."""
    sandbox: str = "auto"
    """The backend of the sandboxes."""
    out: Path = Path("runs/ppo_menu")
    """The folder of the results."""


@dataclass(frozen=True)
class Menu(Toolbox):
    """A family's programs as decisions: entry by entry, an axis and the word that is set there."""

    @property
    def entries(self) -> list[tuple[int, str]]:
        """The axis and the word of each entry, without the last one, which submits."""
        return [(axis, word) for axis, words in enumerate(self.axes) for word in words]

    @property
    def commands(self) -> list[str]:
        """What each entry runs. Words that were not chosen are the first ones of their axes."""
        program = list(self.template)
        for axis, place in enumerate(self.places):
            program[place] = f"${{WORD_{axis}:-{self.axes[axis][0]}}}"
        fits = [f"export WORD_{axis}={word}; {' '.join(program)}" for axis, word in self.entries]
        return [*fits, "submit"]

    def words(self, chosen: Sequence[int]) -> Words:
        """The program after these entries were chosen."""
        words = [axis[0] for axis in self.axes]
        for number in chosen:
            if number < len(self.entries):
                axis, word = self.entries[number]
                words[axis] = word
        return tuple(words)

    def allowed(self, chosen: tuple[int, ...]) -> list[bool]:
        """Every entry at first, except to submit; afterwards those that change something."""
        words = self.words(chosen)
        changes = [not chosen or words[axis] != word for axis, word in self.entries]
        return [*changes, bool(chosen)]


class Feedback(gymnasium.ObservationWrapper[Array, Any, Any]):
    """What came of the decisions so far, as ``Box(-1, 1, (4 + 3 * entries,))``.

    Of each word: whether it is chosen, whether a fit had it, and how far the best fit with it is
    behind the best of all. Of the episode: the best validation, how far the last fit is behind it,
    whether the last fit is the best, and the share of the steps that is left.
    """

    def __init__(self, env: CommandMenu, menu: Menu) -> None:
        super().__init__(env)
        self.menu, self.menu_env = menu, env
        self.fits: list[tuple[Words, float]] = []
        self.max_steps = int(env.observation_space["steps_left"].n) - 1  # type: ignore[index]
        size = 4 + 3 * len(menu.entries)
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (size,), np.float32)

    def reset(self, **arguments: Any) -> tuple[Array, dict[str, Any]]:
        """Begin an episode, in which nothing is known."""
        self.fits = []
        return super().reset(**arguments)

    def observation(self, observation: dict[str, Any]) -> Array:
        """The numbers."""
        words = self.menu.words(self.menu_env.chosen)
        found = self.menu.read(observation["output"]) if self.menu_env.chosen else None
        if found is not None:
            self.fits.append((words, found))
        top = max((value for _, value in self.fits), default=0.0)
        last = self.fits[-1][1] if self.fits else 0.0
        left = observation["steps_left"] / self.max_steps
        numbers = [top, last - top, bool(self.fits) and last == top, left]
        for axis, word in self.menu.entries:
            having = [value for tried, value in self.fits if tried[axis] == word]
            numbers += [words[axis] == word, bool(having), max(having) - top if having else 0.0]
        return np.clip(np.array(numbers, np.float32), -1, 1)


def make_envs(args: Args, menu: Menu, **arguments: Any) -> Any:
    """The vector environment."""

    def wrapped(env: Any) -> Any:
        return Feedback(CommandMenu(env, menu.commands, menu.allowed), menu)

    return mle_gym.make_vec(
        args.task,
        args.num_envs,
        size="micro",
        reward="anchored",
        max_steps=args.max_steps,
        sandbox=args.sandbox,
        env_wrappers=[wrapped],
        **arguments,
    )


class Log(BaseCallback):  # type: ignore[misc]
    """Prints the mean of the last episodes at each update, and ends after enough of them."""

    def __init__(self, episodes: int) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.played = 0
        self.started = time.monotonic()
        self._episodes = episodes
        self._scores: list[float] = []

    def _on_step(self) -> bool:
        ended = [info["episode"]["r"] for info in self.locals["infos"] if "episode" in info]
        self.played += int(self.locals["dones"].sum())
        self._scores += ended
        return self.played < self._episodes

    def _on_rollout_end(self) -> None:
        if self._scores:
            self.note("training", float(np.mean(self._scores)))
            self._scores = []

    def note(self, kind: str, score: float) -> None:
        """Keep and print a row."""
        seconds = round(time.monotonic() - self.started, 1)
        row = {"kind": kind, "episodes": self.played, "seconds": seconds, "score": round(score, 4)}
        self.rows.append(row)
        print(f"{self.played} episodes, {seconds:.0f} s: {kind} {score:.3f}", flush=True)


def judge(args: Args, menu: Menu, model: Any) -> list[dict[str, Any]]:
    """Play held-out variants greedily."""
    envs = make_envs(args, menu, autoreset_mode="disabled")
    episodes: list[dict[str, Any]] = []
    try:
        for first in range(1, args.eval_variants + 1, args.num_envs):
            last = min(first + args.num_envs, args.eval_variants + 1)
            episodes += play(envs, model, [-variant for variant in range(first, last)])
    finally:
        envs.close()
    return episodes


def play(envs: Any, model: Any, variants: Sequence[int]) -> list[dict[str, Any]]:
    """Play an episode of each variant, all at the same time, and return those that count."""
    spare = [variants[0]] * (envs.num_envs - len(variants))
    seen, _ = envs.reset(seed=0, options=[{"variant": each} for each in (*variants, *spare)])
    episodes: list[dict[str, Any]] = [{"variant": each, "score": 0.0} for each in variants]
    going = np.arange(envs.num_envs) < len(variants)
    while going.any():
        masks = np.stack(envs.call("action_masks"))
        actions, _ = model.predict(seen, action_masks=masks, deterministic=True)
        seen, rewards, ended, cut, infos = envs.step(actions, mask=going)
        for i in np.flatnonzero(going):
            episodes[i]["score"] += float(rewards[i])
            episodes[i]["valid"] = bool(infos["reward_valid"][i])
            fits = envs.envs[i].fits
            episodes[i]["tries"] = [[*words, validation] for words, validation in fits]
        going &= ~(ended | cut)
    return [episode for episode in episodes if episode.pop("valid")]


def run(args: Args) -> dict[str, Any]:
    """Train and judge; write the curve, the policy and the summary."""
    args.out.mkdir(parents=True, exist_ok=True)
    menu, log = Menu.of(args.task), Log(args.episodes)
    envs = StableBaselinesVecEnv(
        make_envs(args, menu, autoreset_mode="same_step", variant=f"1-{args.variants}")
    )
    try:
        model = MaskablePPO(
            "MlpPolicy", envs, n_steps=args.n_steps, batch_size=128, gamma=1.0, gae_lambda=0.9,
            learning_rate=args.learning_rate, ent_coef=args.entropy, seed=args.seed, device="cpu",
        )  # fmt: skip
        model.learn(args.episodes * args.max_steps, callback=log)
        seconds = time.monotonic() - log.started
    finally:
        envs.close()
    model.save(args.out / "policy.zip")
    heldout = judge(args, menu, model)
    log.note("held-out", float(np.mean([episode["score"] for episode in heldout])))
    with (args.out / "log.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["task", *log.rows[0]])
        writer.writeheader()
        writer.writerows({"task": args.task, **row} for row in log.rows)
    summary = {
        "args": {**dataclasses.asdict(args), "out": str(args.out)},
        "version": mle_gym.__version__,
        "episodes": log.played,
        "seconds": round(seconds, 1),
        "heldout": {args.task: heldout},
    }
    (args.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return summary


def parse(arguments: Sequence[str] | None = None) -> Args:
    """Args from the command line: one option for each field, with its name and type."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for each in dataclasses.fields(Args):
        default: Any = each.default
        name = f"--{each.name.replace('_', '-')}"
        parser.add_argument(name, type=type(default), default=default, help=f"default: {default}")
    return Args(**vars(parser.parse_args(arguments)))


def main() -> None:
    """Train, judge, and say where the results are."""
    torch.set_num_threads(1)  # the network is small, and the sandboxes need the processors
    args = parse()
    try:
        summary = run(args)
    except MleGymError as error:
        raise SystemExit(str(error)) from None
    print(f"judged on {len(summary['heldout'][args.task])} held-out variants; see {args.out}")


if __name__ == "__main__":
    main()
