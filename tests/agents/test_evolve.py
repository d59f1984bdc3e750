"""Evolution in an episode: as a program, and on a family that is made up."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks.bundled_agent import bundled_agent
from mle_gym.paths import bundled

SCRIPT = bundled("agents") / "evolve.py"


@pytest.fixture(scope="module")
def agent() -> ModuleType:
    return bundled_agent("evolve")


AXES = (("a", "b"), ("c", "d"), ("e", "f"), ("g", "h"))


def searched(
    agent: ModuleType, answer: tuple[str, ...], fits: int, seed: int
) -> list[tuple[str, ...]]:
    """What is run where a fit says how many words are right."""
    search = agent.evolve(AXES, agent.Args(fits=fits), np.random.default_rng(seed))
    tried = [next(search)]
    while True:
        right = sum(a == b for a, b in zip(tried[-1], answer, strict=True))
        following = agent.following(search, float(right))
        if following is None:
            return tried
        tried.append(following)


def test_it_ends_with_the_best_program_that_it_has_run(agent: ModuleType) -> None:
    for seed in range(20):
        tried = searched(agent, ("b", "c", "f", "g"), 6, seed)
        right = [sum(a == b for a, b in zip(t, ("b", "c", "f", "g"), strict=True)) for t in tried]
        assert right[-1] == max(right)
        assert len(tried) <= 6
        assert len(set(tried[:5])) == 5


def test_it_finds_more_than_random_programs_do(agent: ModuleType) -> None:
    found, random = [], []
    for seed, answer in enumerate(itertools.product(*AXES)):
        tried = searched(agent, answer, 8, seed)
        found.append(tried[-1] == answer)
        random.append(answer in tried[:2])
    assert np.mean(found) > 0.55 > np.mean(random)


def test_after_errors_and_where_everything_was_run_it_still_ends(agent: ModuleType) -> None:
    search = agent.evolve((("a", "b"),), agent.Args(fits=9), np.random.default_rng(0))
    first = next(search)
    second = agent.following(search, None)
    assert {first, second} == {("a",), ("b",)}
    assert agent.following(search, None) == first
    assert agent.following(search, None) is None


@pytest.mark.bubblewrap
@pytest.mark.slow("it plays episodes")
def test_it_plays_held_out_variants(tmp_path: Path) -> None:
    words = ["--fits", "3", "--eval-variants", "2", "--num-envs", "3", "--sandbox", "bubblewrap"]
    done = subprocess.run(
        [sys.executable, SCRIPT, *words, "--out", tmp_path],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    episodes = summary["heldout"]["few-label-tuning"]
    assert [episode["variant"] for episode in episodes] == [-1, -2]
    for episode in episodes:
        assert 2 <= len(episode["tries"]) <= 3
        assert all(validation is not None for *_, validation in episode["tries"])
        assert 0 <= episode["score"] <= 1
