"""What ``wc`` tells of a dataset: the sizes of what an agent is given.

If a size gave a variant's structure away, an agent could learn to count lines in place of looking
at its results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from mle_gym.datasets.dataset import Dataset

__all__ = ["clearest_clue", "fewest_of_a_value", "visible_sizes"]

_EMPTY_CELLS = (b",,", b",\n", b",\r")


def visible_sizes(dataset: Dataset) -> dict[str, int]:
    """Bytes, lines and empty cells of each file that an agent sees."""
    found = {}
    for path in sorted(dataset.public.rglob("*")):
        if path.is_file():
            name, content = path.relative_to(dataset.public).as_posix(), path.read_bytes()
            found[f"bytes of {name}"] = len(content)
            found[f"lines of {name}"] = content.count(b"\n")
            if name.endswith(".csv"):
                found[f"empty cells of {name}"] = sum(map(content.count, _EMPTY_CELLS))
    return found


def clearest_clue(
    sizes: Sequence[Mapping[str, int]], structures: Sequence[Mapping[str, Any]]
) -> tuple[str, float]:
    """The size that tells most of a structure, and how much.

    That is twice the distance of an area under the ROC curve from a half: 0 if the size says
    nothing of which of two values an axis has, 1 if it says it without exception. A file that not
    all variants have is a clue, too: it counts as empty in the others.

    Args:
        sizes: Of each variant's files.
        structures: Of each variant.
    """
    best = "", 0.0
    names = sorted({name for each in sizes for name in each})
    for axis, first, second in _pairs(structures):
        for name in names:
            one, other = (
                np.array([size.get(name, -1) for size, each in zip(sizes, structures, strict=True)
                          if each[axis] == value])
                for value in (first, second)
            )  # fmt: skip
            higher = (one[:, None] > other).mean() + (one[:, None] == other).mean() / 2
            clear = abs(2 * float(higher) - 1)
            if clear > best[1]:
                best = f"{name} tells {first} from {second} ({axis})", clear
    return best


def fewest_of_a_value(structures: Sequence[Mapping[str, Any]]) -> int:
    """How many variants have the rarest value of any axis."""
    counts = Counter((axis, value) for each in structures for axis, value in each.items())
    return min(counts.values(), default=0)


def _pairs(structures: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """Each axis with any two of its values that occur."""
    for axis in structures[0] if structures else ():
        values = dict.fromkeys(each[axis] for each in structures)
        for first, second in combinations(values, 2):
            yield axis, first, second
