"""Results as files for other programs: JSON, CSV and Parquet."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd

from mle_gym.evaluation.evaluation_folder import Run
from mle_gym.evaluation.result import Result
from mle_gym.evaluation.summary import Summary
from mle_gym.regular_files import write_atomically

__all__ = ["results_table", "write_exports"]


def results_table(run: Run) -> pd.DataFrame:
    """One row for each episode with a result; what is nested is text, so that CSV can hold it."""
    rows = []
    for each in run.results:
        row = each.model_dump(mode="json")
        low, high = row.pop("score_ci") or (None, None)
        row["failure"] = row["failure"] and row["failure"]["kind"]
        row["findings"] = " ".join(row["findings"])
        rows.append(row | {"score_low": low, "score_high": high})
    columns = [name for name in Result.model_fields if name != "score_ci"]
    return pd.DataFrame(rows, columns=[*columns, "score_low", "score_high"])


def write_exports(run: Run, summary: Summary, folder: Path) -> list[Path]:
    """Write ``summary.json``, ``results.csv`` and, if pyarrow is installed, ``results.parquet``.

    Returns the files that were written.
    """
    table = results_table(run)
    written = [folder / "summary.json", folder / "results.csv"]
    write_atomically(written[0], json.dumps(summary.to_dict(), indent=1) + "\n")
    write_atomically(written[1], table.to_csv(index=False))
    try:
        parquet = io.BytesIO()
        table.to_parquet(parquet, index=False)
    except ImportError:  # of the extra export
        return written
    write_atomically(folder / "results.parquet", parquet.getvalue())
    return [*written, folder / "results.parquet"]
