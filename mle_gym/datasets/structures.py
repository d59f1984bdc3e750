"""Deals a generator's structures to its variants, in balance.

A ``generate.py`` may declare ``STRUCTURES = {"link": ("linear", "log"), "gaps": (False, True)}``:
axes along which its variants differ in kind. Every combination then occurs exactly once in any N
consecutive variants, where N is the number of combinations, so that sets of variants compare. Which
variant has which combination comes from the task's key, so a variant's number says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.keys import generator
from mle_gym.errors import TaskError

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["check_axes", "deal_structure"]

MOST_COMBINATIONS = 100_000


def deal_structure(task: TaskSpec, axes: object, variant: int) -> dict[str, Any]:
    """The value of each axis in a variant; empty without axes.

    Raises:
        TaskError: ``STRUCTURES`` is not a mapping from names to two or more values.
        DatasetError: The task has no key, or the secret is too short.
    """
    if axes is None:
        return {}
    checked = check_axes(task, axes)
    combinations = list(product(*checked.values()))
    count = len(combinations)
    # Variant 0 is the same whatever MLE_GYM_SECRET is; the other variants' permutation depends on
    # it, and gives variant 0 the same combination, so that the windows around 0 are balanced, too.
    fixed = int(generator(task, 0, "structures").permutation(count)[0])
    order = generator(task, 1, "structures").permutation(count)
    order[order == fixed], order[0] = order[0], fixed
    return dict(zip(checked, combinations[order[variant % count]], strict=True))


def check_axes(task: TaskSpec, axes: object) -> dict[str, tuple[Any, ...]]:
    """The values of each axis that a ``STRUCTURES`` names; empty if it is None.

    Raises:
        TaskError: ``STRUCTURES`` is not a mapping from names to two or more values.
    """
    if axes is None:
        return {}
    where = f"{task.folder / 'generate.py'}: STRUCTURES"
    if not isinstance(axes, Mapping) or not axes:
        raise TaskError(f"{where}: expected a mapping from axes to values, found {axes!r}")
    for name, values in axes.items():
        if not isinstance(values, (tuple, list)) or len(values) < 2:
            raise TaskError(f"{where}: {name}: expected two values or more, found {values!r}")
    if math.prod(map(len, axes.values())) > MOST_COMBINATIONS:
        raise TaskError(f"{where}: expected at most {MOST_COMBINATIONS:,} combinations")
    return {str(name): tuple(values) for name, values in axes.items()}
