"""Searches by evolution, in every episode anew and without any training, for the right program.

    python agents/evolve.py --task few-label-tuning --fits 6

A family's toolbox fits one model a command, and its programs differ in single words. In an episode
this runs a few random programs, crosses and mutates those whose own validations are best, and runs
the best one again at the end, since the last fit is what is handed in. Nothing carries over from
one episode to the next. So it shows what a policy that was trained (`agents/feedback_policy.py`,
`agents/ppo_menu.py`) adds to search with as many fits.

It plays held-out variants and writes summary.json, with every try and score, to --out.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import mle_gym
from mle_gym.authoring.toolbox import Toolbox, Words
from mle_gym.errors import MleGymError

Search = Generator[Words, float | None, None]
"""Yields the programs to run, and receives how good each says it is, more being better."""


@dataclass(frozen=True)
class Args:
    """Every setting, with its default; `--fits 8` sets `fits`."""

    task: str = "few-label-tuning"
    """A family whose programs differ in single words."""
    fits: int = 6
    """In an episode, with the one that runs the best program again."""
    parents: int = 2
    """How many of the best programs have children. As many random ones are run first."""
    mutation: float = 0.5
    """The chance that a child has one word that neither parent has there."""
    eval_variants: int = 64
    """Held-out variants: -1 to minus this."""
    num_envs: int = 8
    """Episodes that are played at the same time."""
    seed: int = 1
    """Of all choices."""
    sandbox: str = "auto"
    """The backend of the sandboxes."""
    out: Path = Path("runs/evolve")
    """The folder of the summary."""


def evolve(axes: Sequence[Words], args: Args, rng: np.random.Generator) -> Search:
    """One episode's search."""
    known: dict[Words, float] = {}
    last: Words = ()
    every = int(np.prod([len(axis) for axis in axes]))
    for _ in range(min(max(1, args.fits - 1), every)):
        last = child(axes, known, args, rng)
        found = yield last
        known[last] = -np.inf if found is None else found
    best = max(known, key=lambda words: known[words])
    if best != last:
        yield best


def child(
    axes: Sequence[Words], known: dict[Words, float], args: Args, rng: np.random.Generator
) -> Words:
    """A program that wasn't run yet: a random one at first, later a child of the best ones."""
    best = sorted(known, key=lambda words: -known[words])[: args.parents]
    for _ in range(100):
        if len(known) < args.parents:
            words = [axis[rng.integers(len(axis))] for axis in axes]
        else:
            words = [best[rng.integers(len(best))][at] for at in range(len(axes))]
            if rng.random() < args.mutation:
                at = int(rng.integers(len(axes)))
                words[at] = axes[at][rng.integers(len(axes[at]))]
        if tuple(words) not in known:
            return tuple(words)
    left = [words for words in every_program(axes) if words not in known]
    return left[rng.integers(len(left))]


def every_program(axes: Sequence[Words]) -> list[Words]:
    """All choices of a word for each axis."""
    found: list[Words] = [()]
    for axis in axes:
        found = [(*words, word) for words in found for word in axis]
    return found


def play(
    envs: Any, toolbox: Toolbox, variants: Sequence[int], searches: Sequence[Search]
) -> list[dict[str, Any]]:
    """Play an episode of each variant, all at the same time, and return those that count."""
    spare = [variants[0]] * (envs.num_envs - len(variants))
    envs.reset(seed=0, options=[{"variant": each} for each in (*variants, *spare)])
    pending: list[Words | None] = [next(search) for search in searches]
    episodes: list[dict[str, Any]] = [
        {"variant": each, "score": 0.0, "tries": []} for each in variants
    ]
    going = dict(enumerate(searches))
    while going:
        scripts = ["true"] * envs.num_envs
        for i in going:
            words = pending[i]
            scripts[i] = "submit" if words is None else toolbox.command(words)
        mask = np.isin(np.arange(envs.num_envs), list(going))
        seen, rewards, ended, cut, infos = envs.step(tuple(scripts), mask=mask)
        for i, search in tuple(going.items()):
            episode, words = episodes[i], pending[i]
            episode["score"] += float(rewards[i])
            episode["valid"] = bool(infos["reward_valid"][i])
            if words is not None:
                validation = toolbox.read(seen["output"][i])
                episode["tries"].append([*words, validation])
                pending[i] = following(search, validation)
            if ended[i] or cut[i]:
                del going[i]
    return [episode for episode in episodes if episode.pop("valid")]


def following(search: Search, validation: float | None) -> Words | None:
    """The next program of a search; None at its end."""
    try:
        return search.send(validation)
    except StopIteration:
        return None


def run(args: Args) -> dict[str, Any]:
    """Play all held-out variants, and return the summary."""
    toolbox, started = Toolbox.of(args.task), time.monotonic()
    envs = mle_gym.make_vec(
        args.task,
        args.num_envs,
        size="micro",
        reward="anchored",
        max_steps=args.fits + 1,
        sandbox=args.sandbox,
        autoreset_mode="disabled",
    )
    episodes: list[dict[str, Any]] = []
    try:
        for first in range(1, args.eval_variants + 1, args.num_envs):
            last = min(first + args.num_envs, args.eval_variants + 1)
            variants = [-variant for variant in range(first, last)]
            rngs = [np.random.default_rng((args.seed, -variant)) for variant in variants]
            searches = [evolve(toolbox.axes, args, rng) for rng in rngs]
            episodes += play(envs, toolbox, variants, searches)
            print(f"{args.task}: {len(episodes)} episodes, {mean(episodes):.3f}", flush=True)
    finally:
        envs.close()
    return {
        "args": {**dataclasses.asdict(args), "out": str(args.out)},
        "version": mle_gym.__version__,
        "episodes": 0,
        "seconds": round(time.monotonic() - started, 1),
        "heldout": {args.task: episodes},
    }


def mean(episodes: Sequence[dict[str, Any]]) -> float:
    """The mean score; 0 without episodes."""
    return float(np.mean([episode["score"] for episode in episodes])) if episodes else 0.0


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
    """Play, and write what came of it."""
    args = parse()
    try:
        summary = run(args)
    except MleGymError as error:
        raise SystemExit(str(error)) from None
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    episodes = summary["heldout"][args.task]
    print(f"{args.task}: {mean(episodes):.3f} on {len(episodes)} held-out variants; see {args.out}")


if __name__ == "__main__":
    main()
