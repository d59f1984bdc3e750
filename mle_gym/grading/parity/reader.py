"""Reads CSV files as MLE-bench does: with pandas and its guesses, as pandas 2 made them.

So ``NA``, ``null`` and an empty cell are one missing value, a column of digits is a column of
numbers, and a repeated header gets a suffix. All of that shows in the scores.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from mle_gym.errors import SubmissionError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_like_mle_bench"]


def read_like_mle_bench(content: bytes) -> pd.DataFrame:
    """The table in a CSV file; an empty file is an empty table.

    Raises:
        SubmissionError: ``unreadable``. MLE-bench's own batch ends with an exception here.
    """
    import pandas as pd

    # From pandas 3 on the default is exact too, and naming it is deprecated.
    exact: dict[str, Any] = {"float_precision": "round_trip"} if pd.__version__[0] == "2" else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # columns of mixed types, which are to be expected
            table: pd.DataFrame = pd.read_csv(io.BytesIO(content), **exact)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (ValueError, OverflowError, MemoryError) as error:
        kind = type(error).__name__
        raise SubmissionError("unreadable", f"pandas can't read the file ({kind})") from None
    texts = [name for name in table.columns if table[name].dtype == "str"]
    return table.astype(dict.fromkeys(texts, object))
