"""The policy that learns from its own results: as a program, and on a family that is made up."""

from __future__ import annotations

import csv
import itertools
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from benchmarks.bundled_agent import bundled_agent
from mle_gym.paths import bundled
from tests.sandbox.docker_daemon import require

SCRIPT = bundled("agents") / "feedback_policy.py"
TINY = "--episodes 4 --num-envs 2 --group 2 --steps 2 --variants 2 --eval-variants 3"


@pytest.fixture(scope="module", autouse=True)
def _torch() -> None:
    if find_spec("torch") is None:
        require("rl", "PyTorch is not installed: pip install 'mle-gym[rl]'")


@pytest.fixture(scope="module")
def learner() -> ModuleType:
    return bundled_agent("feedback_policy")


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Hidden:
    """A made-up family of eight programs: each variant has a right word on each of three axes.

    A fit says how many words were right, and scores that, so that no program is good everywhere.
    """

    def __init__(self, args: Any, toolbox: Any) -> None:
        self.axes, self.steps = toolbox.axes, args.steps
        self.answers = list(itertools.product(*self.axes))

    def start(self, variants: Sequence[int]) -> None:
        self.right = [self.answers[variant % len(self.answers)] for variant in variants]
        self.left, self.worth = [self.steps] * len(variants), [0.0] * len(variants)

    def step(self, written: Mapping[int, Any]) -> dict[int, Any]:
        outcomes = {}
        for i, words in written.items():
            self.left[i] -= 1
            if words is not None:
                right = sum(a == b for a, b in zip(words, self.right[i], strict=True))
                self.worth[i] = (right / 3) ** 2
            over = words is None or self.left[i] == 0
            shown = None if words is None else self.worth[i]
            outcomes[i] = sys.modules["feedback_policy"].Outcome(
                shown, self.worth[i] if over else 0.0, over
            )
        return outcomes

    def close(self) -> None:
        pass


FIXED = float(np.mean([(k / 3) ** 2 for k in (3, 2, 2, 2, 1, 1, 1, 0)]))
"""What every single program scores on average."""


def trained(learner: ModuleType, out: Path, **settings: Any) -> float:
    """The mean score on held-out variants, all of which are different from those of training."""
    args = learner.Args(
        tasks=("tickets",), episodes=960, evaluations=1, eval_variants=16, out=str(out), **settings
    )
    learner.torch.set_num_threads(1)
    learning = learner.Run(args, Hidden)
    learning.train()
    (episodes,) = learning.judge().values()
    return float(np.mean([episode.earned for episode in episodes]))


@pytest.mark.slow("it trains two policies")
def test_it_learns_to_look_and_without_anything_to_see_it_does_not(
    learner: ModuleType, tmp_path: Path
) -> None:
    seeing = trained(learner, tmp_path)
    blind = trained(learner, tmp_path, hide_validation=True)
    assert seeing > FIXED + 0.75 * (1 - FIXED)
    assert blind < FIXED + 0.15


def test_credit_of_a_step_is_what_came_of_it_beyond_what_was_expected(learner: ModuleType) -> None:
    words = [[learner.Decision((), choice, 0.0)] for choice in (1, 2, 0)]  # two fits and a stop
    good = learner.Episode("tickets", 1, steps=words, earned=0.9)
    bad = learner.Episode("tickets", 1, steps=words[:1], earned=0.1)
    expected = np.array([0.3, 0.5, 0.9, 0.3])
    args = learner.Args(gae=0.0, price=0.1)
    advantages, returns = learner.credit(args, [good, bad], expected)
    assert advantages == pytest.approx([0.5 - 0.3 - 0.1, 0.9 - 0.5 - 0.1, 0.0, 0.1 - 0.1 - 0.3])
    assert returns == pytest.approx([0.7, 0.8, 0.9, 0.0])
    args = learner.Args(credit="episode", price=0.1)
    advantages, _ = learner.credit(args, [good, bad], expected)
    assert advantages == pytest.approx([0.35, 0.35, 0.35, -0.35])


@pytest.mark.bubblewrap
@pytest.mark.slow("it plays a dozen episodes")
def test_training_leaves_curves_scores_a_picture_and_a_policy_that_can_be_judged_again(
    tmp_path: Path,
) -> None:
    out = tmp_path / "trained"
    run(*TINY.split(), "--sandbox", "bubblewrap", "--out", str(out), "--evaluations", "1")
    with (out / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["kind"], row["episodes"]) for row in rows] == [
        ("held-out", "0"),
        ("training", "2"),
        ("training", "4"),
        ("held-out", "4"),
    ]
    summary = json.loads((out / "summary.json").read_text())
    found = summary["heldout"]["few-label-tuning"]
    assert [episode["variant"] for episode in found] == [-1, -2, -3]
    assert all(0 <= episode["score"] <= 1 and episode["tries"] for episode in found)
    assert summary["failures"] == 0
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")

    again = tmp_path / "judged"
    checkpoint = ["--load", str(out / "policy.pt"), "--episodes", "0", "--out", str(again)]
    run(*TINY.split(), *checkpoint, "--sandbox", "bubblewrap")
    assert json.loads((again / "summary.json").read_text())["heldout"] == summary["heldout"]


def test_help_says_what_every_setting_is_for() -> None:
    text = " ".join(run("--help").split())
    for words in ("--tasks", "families that the policy learns", "what a fit costs in training"):
        assert words in text
