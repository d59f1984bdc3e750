"""Runs agents/ppo_menu.py and agents/evolve.py on recorded outcomes, in place of real fits.

    python -m benchmarks.learning record few-label-tuning
    python -m benchmarks.recorded_episodes evolve --seed 1 --out runs/learning/evolve-1
    python -m benchmarks.recorded_episodes ppo_menu --seed 1 --out runs/learning/ppo_menu-1
    python -m benchmarks.learning report few-label-tuning --runs runs/learning/*-1

A fit's output is the same whenever it is run, so these are the episodes that the environment would
have played, except that no seed draws the training variants as it does. Whatever the agents get
wrong about the environment shows only when they run in it.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import mle_gym
from benchmarks.bundled_agent import bundled_agent

__all__ = ["RecordedEpisodes", "main"]

_EXPORT = re.compile(r"export (\w+)=(\S+); ")
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


class RecordedEpisodes(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Looks up what commands print and what they are worth; the environment inside isn't used.

    Args:
        env: Gives the spaces.
        rows: What ``python -m benchmarks.learning record`` found.
        steps: In an episode.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], rows: Sequence[Mapping[str, Any]], steps: int
    ) -> None:
        super().__init__(env)
        self._rng = np.random.default_rng(0)
        self._known = {(row["variant"], row["command"]): row for row in rows}
        self._training = sorted({row["variant"] for row in rows if row["variant"] > 0})
        self._steps = steps

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode of the variant in the options, or of any training variant."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        drawn = int(self._rng.choice(self._training))
        self._variant = (options or {}).get("variant", drawn)
        self._variables: dict[str, str] = {}
        self._left, self._score = self._steps, 0.0
        return self._seen(""), {"reward_valid": True}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Look up a command, which may set variables of the shell first."""
        self._left -= 1
        self._variables |= _EXPORT.findall(action)
        program = _EXPORT.sub("", action)
        program = _VARIABLE.sub(lambda each: self._variables.get(each[1], each[2]), program)
        row = self._known.get((self._variant, program))
        output = ""
        if row is not None and row["validation"] is not None:
            output, self._score = f"validation: {row['validation']}\n", float(row["anchored"])
        ended, cut = action == "submit", self._left == 0
        reward = self._score if ended or cut else 0.0
        return self._seen(output), reward, ended, cut and not ended, {"reward_valid": True}

    def _seen(self, output: str) -> dict[str, Any]:
        return {
            "output": output,
            "exit_code": 0,
            "steps_left": self._left,
            "seconds_left": np.array([60.0]),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run an agent with its own options."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("agent", choices=["evolve", "ppo_menu"])
    parser.add_argument("--outcomes", type=Path, default=Path("runs/learning/outcomes.jsonl"))
    options, further = parser.parse_known_args(arguments)
    player = bundled_agent(options.agent)
    args = player.parse(further)
    lines = options.outcomes.read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["task"] == args.task]
    make_vec = mle_gym.make_vec

    def recorded(task: str, count: int, *, env_wrappers: Sequence[Any] = (), **more: Any) -> Any:
        first = partial(RecordedEpisodes, rows=rows, steps=more["max_steps"])
        return make_vec(task, count, env_wrappers=[first, *env_wrappers], **more)

    mle_gym.make_vec = recorded  # type: ignore[assignment]
    try:
        summary = player.run(args) | {"recorded": True}
    finally:
        mle_gym.make_vec = make_vec
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    scores = [episode["score"] for episode in summary["heldout"][args.task]]
    print(f"{args.task}: {np.mean(scores):.3f} on {len(scores)} held-out variants")


if __name__ == "__main__":
    main()
