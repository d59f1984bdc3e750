"""Reads the formats that are stored by column; importing it requires pyarrow."""

from __future__ import annotations

from typing import Any

import pyarrow
import pyarrow.feather
import pyarrow.parquet


def columns(suffix: str, data: bytes) -> Any:
    """The columns of a file, by name."""
    library = pyarrow.parquet if suffix == ".parquet" else pyarrow.feather
    return library.read_table(pyarrow.BufferReader(data)).to_pydict()
