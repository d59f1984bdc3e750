"""Draws a task, and which instance of it is played."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.dataset import Size
from mle_gym.episode.variants import draw_variant
from mle_gym.errors import TaskError
from mle_gym.tasks.suites import find_suite, tasks_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["sample_task"]


def sample_task(
    rng: np.random.Generator,
    suite: str = "everyday",
    *,
    variant: int | str = "train",
    sizes: Sequence[Size] | None = None,
    difficulties: tuple[float, float] = (0.0, 1.0),
) -> dict[str, Any]:
    """Draw a task of a suite with the arguments that make one instance of it.

    >>> arguments = mle_gym.sample_task(np.random.default_rng(0), "everyday")
    >>> env = mle_gym.make(**arguments, reward="anchored")

    Args:
        rng: What all draws come from.
        suite: ``mle-gym list --suite`` names them.
        variant: A number, or a range: ``"train"``, ``"heldout"``, ``"1-100"``. On a training
            variant the families of ``heldout-families`` are never drawn.
        sizes: Which sizes a generated task may have; by default the suite's own.
        difficulties: The lowest and the highest difficulty that it may have.

    Returns:
        ``task`` and ``variant``, and for generated tasks ``size`` and ``difficulty``.

    Raises:
        TaskError: There is no such suite, or no task in it that may be drawn.
        ValueError: The variant is not valid.
    """
    number = draw_variant(variant, rng)
    tasks = tasks_of(suite, training=number > 0)
    if not tasks:
        side = " for training" if number > 0 else ""
        raise TaskError(f"the suite {suite!r} has no task{side} here")
    task = tasks[int(rng.integers(len(tasks)))]
    allowed = tuple(sizes or (find_suite(suite).size,))
    size = allowed[int(rng.integers(len(allowed)))]
    difficulty = round(float(rng.uniform(*difficulties)), 3)
    drawn: dict[str, Any] = {"task": task.id, "variant": number}
    return drawn if task.data.real else drawn | {"size": size, "difficulty": difficulty}
