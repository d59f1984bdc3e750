"""Room on the disk, asked for before it is filled."""

from __future__ import annotations

import shutil
from pathlib import Path

from mle_gym.errors import DatasetError

__all__ = ["check_space", "size"]


SPARE_BYTES = 64 * 2**20
"""Left free on the disk whatever is written."""


def check_space(folder: Path, wanted: int, purpose: str) -> None:
    """Refuse what doesn't fit on the disk before it fills it.

    Raises:
        DatasetError: Says how much is missing, and where.
    """
    free = shutil.disk_usage(folder).free
    if wanted + SPARE_BYTES > free:
        raise DatasetError(
            f"{purpose} requires {size(wanted)} in {folder}, which has {size(free)} "
            "free; make room there, or set MLE_GYM_CACHE to a folder on a larger disk"
        )


def size(number: float) -> str:
    """Bytes as people say them."""
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{number / 1e6:.1f} MB"
