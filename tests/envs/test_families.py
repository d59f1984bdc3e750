"""Every family plays at each size and at both ends of its difficulty, in all ranges of variants.

The canonical variant at full size is played in ``test_conformance.py``.
"""

from __future__ import annotations

import gymnasium
import pytest

import mle_gym  # noqa: F401
from mle_gym.datasets.dataset import DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.errors import DatasetError
from mle_gym.tasks.catalog import load_task, task_folders
from tests.envs.hand_in import hand_in
from tests.tiers import few_quick

TASKS = [load_task(name) for name in task_folders()]
FAMILIES = sorted(task.env_id for task in TASKS if not task.data.real)
PLAYED = (("micro", 3, False), ("micro", 3, True), ("small", -3, False))
"""Size, variant, and whether names are obfuscated, which is done in one way at any size."""
CASES = [(env_id, *played) for env_id in FAMILIES for played in PLAYED]
QUICK = [
    (f"mle/{task}-v0", *PLAYED[0])
    for task in ("choose-a-model", "drift-stream", "feature-repair", "make-it-fast", "uplift")
]
"""Families that differ in what is handed in and how it is graded."""

pytestmark = pytest.mark.bubblewrap


@pytest.mark.parametrize(
    ("env_id", "size", "variant", "obfuscate"),
    few_quick(CASES, QUICK, "it prepares and plays every family at each size"),
)
def test_a_family_plays_at_each_size(env_id: str, size: str, variant: int, obfuscate: bool) -> None:
    task = load_task(env_id)
    options = DatasetOptions(variant, obfuscate=obfuscate, size=size)  # type: ignore[arg-type]
    try:
        dataset = prepare(task, options)
    except DatasetError as error:
        if obfuscate and "obfuscate: not for" in str(error):
            pytest.skip(str(error))
        raise
    with gymnasium.make(env_id, variant=variant, size=size, obfuscate=obfuscate) as env:
        brief = env.reset(seed=0)[0]["output"]
        assert dataset.task.title in brief
        _, reward, terminated, _, info = env.step(hand_in(dataset.task))
    assert terminated
    assert info["grade"]["valid"], info["grade"]["error_message"]
    assert 0 <= float(reward) <= 1
    assert info["grade"]["floor"] is not None


@pytest.mark.parametrize("env_id", few_quick(FAMILIES, (), "it prepares every family"))
def test_a_family_has_both_ends_of_its_difficulty(env_id: str) -> None:
    task = load_task(env_id)
    digests = {
        prepare(task, DatasetOptions(1, size="micro", difficulty=end)).digest for end in (0.0, 1.0)
    }
    assert len(digests) == 2
