"""Reads CSV files as MLE-bench does: with pandas and its guesses, as pandas 2 made them.

So ``NA``, ``null`` and an empty cell are one missing value, a column of digits is a column of
numbers, a repeated header gets a suffix, and a cell ends at its first NUL byte. All of that shows
in the scores.
"""

from __future__ import annotations

import io
import warnings

import pandas as pd

from mle_gym.datasets.tables import exact_floats
from mle_gym.errors import SubmissionError

__all__ = ["read_like_mle_bench"]


def read_like_mle_bench(content: bytes) -> pd.DataFrame:
    """The table in a CSV file; an empty file is an empty table.

    Raises:
        SubmissionError: ``unreadable``. MLE-bench's own batch ends with an exception here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # columns of mixed types, which are to be expected
            content = _cut_at_nul(content) if b"\0" in content else content
            table: pd.DataFrame = pd.read_csv(io.BytesIO(content), **exact_floats())
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (ValueError, OverflowError, MemoryError) as error:
        kind = type(error).__name__
        raise SubmissionError("unreadable", f"pandas can't read the file ({kind})") from None
    texts = [name for name in table.columns if table[name].dtype == "str"]
    return table.astype(dict.fromkeys(texts, object))


def _cut_at_nul(content: bytes) -> bytes:
    """The same table without what follows a NUL byte in its cell, which pandas 3 keeps."""
    cells = pd.read_csv(io.BytesIO(content), header=None, dtype=str, na_filter=False)
    cut = cells.map(lambda cell: str(cell).partition("\0")[0])
    return cut.to_csv(index=False, header=False).encode()
