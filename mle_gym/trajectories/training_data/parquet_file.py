"""Training records as a Parquet file, which requires ``pip install "mle-gym[export]"``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

try:
    import pyarrow
    import pyarrow.parquet
except ImportError:
    pyarrow = None

from mle_gym.trajectories.training_data.chat_formats import to_openai
from mle_gym.trajectories.training_data.training_record import TrainingRecord

__all__ = ["write_parquet"]

ROWS = 64
"""In a row group: episodes of usual length are some tens of kilobytes each."""


def write_parquet(records: Iterable[TrainingRecord], path: Path) -> None:
    """Write a row for each record, with the columns of the format ``openai``.

    ``tools`` is JSON text, since tools have different fields. Without records, the file has its
    columns and no row.

    Raises:
        ModuleNotFoundError: pyarrow isn't installed.
        OSError: The file can't be written.
    """
    if pyarrow is None:
        raise ModuleNotFoundError('the format parquet requires: pip install "mle-gym[export]"')
    schema = _schema()
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        rows: list[dict[str, Any]] = []
        for record in records:
            rows.append(_row(record))
            if len(rows) == ROWS:
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))
                rows = []
        writer.write_table(pyarrow.Table.from_pylist(rows, schema))


def _row(record: TrainingRecord) -> dict[str, Any]:
    row = to_openai(record)
    return {**row, "tools": json.dumps(row["tools"])}


def _schema() -> Any:
    """The columns. Arguments of calls are JSON text, as OpenAI's API has them."""
    text = pyarrow.string()
    function = pyarrow.struct({"name": text, "arguments": text})
    call = pyarrow.struct({"id": text, "type": text, "function": function})
    message = pyarrow.struct(
        {
            "role": text,
            "content": text,
            "reasoning_content": text,
            "tool_calls": pyarrow.list_(call),
            "tool_call_id": text,
        }
    )
    facts = dict.fromkeys(("name", "task"), text)
    facts |= {"variant": pyarrow.int64(), "seed": pyarrow.int64(), "agent": text}
    facts |= dict.fromkeys(("reward", "anchored"), pyarrow.float64())
    facts |= dict.fromkeys(("integrity", "failure"), text)
    return pyarrow.schema({"messages": pyarrow.list_(message), "tools": text, **facts})
