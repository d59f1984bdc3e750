"""Recorded outcomes in place of the environment."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from benchmarks.bundled_agent import bundled_agent
from benchmarks.recorded_episodes import RecordedEpisodes, main
from mle_gym.env import MLEEnv

ROW = {"variant": -1, "command": "run --a x --b y", "validation": 0.5, "anchored": 0.75}


def test_commands_are_looked_up_with_their_variables() -> None:
    env = RecordedEpisodes(MLEEnv("few-label-tuning"), [ROW, {**ROW, "variant": 1}], steps=4)
    env.reset(options={"variant": -1})
    command = "run --a ${WORD_0:-u} --b ${WORD_1:-y}"
    assert env.step(command)[0]["output"] == ""
    assert env.step(f"export WORD_0=x; {command}")[0]["output"] == "validation: 0.5\n"
    assert env.step(command)[0]["output"] == "validation: 0.5\n"
    assert env.step("submit")[1:4] == (0.75, True, False)
    env.reset()
    assert env.step("submit")[1:4] == (0.0, True, False)


def test_evolution_is_judged_on_recorded_outcomes(tmp_path: Path) -> None:
    toolbox = bundled_agent("evolve").Toolbox.of("few-label-tuning")
    programs = list(itertools.product(*toolbox.axes))
    rows = [
        {
            "task": "few-label-tuning",
            "variant": variant,
            "command": toolbox.command(words),
            "validation": (number * abs(variant)) % 17 / 17,
            "anchored": (number * abs(variant)) % 17 / 17,
        }
        for variant in (1, -1, -2, -3)
        for number, words in enumerate(programs)
    ]
    outcomes = tmp_path / "outcomes.jsonl"
    outcomes.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--eval-variants", "3", "--num-envs", "2", "--fits", "17", "--out", str(tmp_path)]
    main(["evolve", "--outcomes", str(outcomes), *words])
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["recorded"] is True
    for episode in summary["heldout"]["few-label-tuning"]:  # with a fit for every program
        best = max(row["anchored"] for row in rows if row["variant"] == episode["variant"])
        assert episode["score"] == best
