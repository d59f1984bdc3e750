"""A program that writes the data frame in an xz-compressed pickle to a CSV file.

    python -P pickle_to_csv.py PICKLE CSV MEMORY_BYTES SECONDS

A pickle can name any function of any module to be called while it is loaded. This program resolves
the few names of which data frames of numbers and text consist, and ends with an error at any
other. It limits its own memory and processor time, because a small file can still ask for much.

It knows nothing of mle_gym, so that it starts with any Python that has pandas.
"""

from __future__ import annotations

import csv
import lzma
import pickle
import resource
import sys
from typing import Any

import numpy as np
import pandas as pd

PARTS = frozenset(
    {
        ("builtins", "slice"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("pandas", "DataFrame"),
        ("pandas", "Index"),
        ("pandas", "RangeIndex"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy.core.numeric", "_frombuffer"),
        ("pandas._libs.internals", "_unpickle_block"),
        ("pandas.core.frame", "DataFrame"),
        ("pandas.core.indexes.base", "Index"),
        ("pandas.core.indexes.base", "_new_Index"),
        ("pandas.core.indexes.range", "RangeIndex"),
        ("pandas.core.internals.managers", "BlockManager"),
    }
)
"""What a pickled data frame is made of: by NumPy 1's names of its modules, pandas 3's and older."""
NUMPY_HAS_MOVED = int(np.__version__.partition(".")[0]) >= 2
"""NumPy 2 calls the package ``numpy._core`` that was ``numpy.core``."""


class DataFrameUnpickler(pickle.Unpickler):
    """Loads data frames of numbers and text, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        """Resolve one of the :data:`PARTS`.

        Raises:
            UnpicklingError: The pickle names anything else.
        """
        module = module.replace("numpy._core", "numpy.core")
        if (module, name) not in PARTS:
            raise pickle.UnpicklingError(f"a data frame, found one that calls {module}.{name}")
        if NUMPY_HAS_MOVED:
            module = module.replace("numpy.core", "numpy._core")
        return super().find_class(module, name)


def main(source: str, target: str, memory_bytes: str, seconds: str) -> None:
    """Convert one file."""
    resource.setrlimit(resource.RLIMIT_AS, (int(memory_bytes), int(memory_bytes)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
    with lzma.open(source) as file:
        frame = DataFrameUnpickler(file).load()
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"a data frame, found {type(frame).__name__}")
    # With all text in quotes, a lone carriage return is in them too, on every version of Python.
    frame.to_csv(target, index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        sys.exit(f"expected {error}" if isinstance(error, TypeError) else repr(error))
