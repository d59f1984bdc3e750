"""Whether a table is the one that ``task.toml`` pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mle_gym.datasets.tables import digest
from mle_gym.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_digest"]


def check_digest(where: str, pinned: str | None, table: pd.DataFrame, source: str) -> None:
    """Make sure that a table is the pinned one.

    Args:
        where: The file and the field with the digest, for the error.
        pinned: The digest there.
        table: A canonical table.
        source: Where the table came from, for the error.

    Raises:
        DatasetError: It is another; names both digests.
    """
    found = digest(table)
    if found != pinned:
        raise DatasetError(
            f"{where}: expected {pinned}, found {found} for {source} "
            f"({len(table)} rows, {len(table.columns)} columns)"
        )
