"""The error of what the controller predicted, if all that it needs fits into its flash page."""

import json
from pathlib import Path

import numpy as np

from mle_gym.errors import SubmissionError

LIMIT = 2400
WORST = 1000.0
"""What no prediction, or one that is no number, is off by at most, in mg/m³."""
LONGEST = 200_000
"""Bytes of an output: 2,500 numbers take a tenth of that."""


def grade_files(submission: Path, private: Path) -> tuple[float, dict[str, float]]:
    told = json.loads((submission / "measurements.json").read_text())
    if told["bytes"] > LIMIT:
        raise SubmissionError(
            "too_large",
            f"the files and their names have {told['bytes']:,} bytes, at most {LIMIT:,} fit",
        )
    truth = np.load(private / "nox.npy").astype(float)
    output = submission / "1-1" / "nox.txt"
    error = WORST if not output.is_file() else rmse(truth, read(output, len(truth)))
    return error, {"bytes": told["bytes"], "rmse": round(error, 4)}


def read(path: Path, rows: int) -> np.ndarray:
    """The predictions.

    Raises:
        SubmissionError: They are not one number a line for each row.
    """
    lines = path.read_bytes()[:LONGEST].decode("utf-8", "replace").split()
    if path.stat().st_size > LONGEST or len(lines) != rows:
        raise SubmissionError("wrong_rows", f"expected {rows:,} numbers, one a line")
    try:
        return np.array([float(line) for line in lines])
    except ValueError:
        raise SubmissionError("not_a_number", "expected numbers, found something else") from None


def rmse(truth: np.ndarray, predicted: np.ndarray) -> float:
    off = np.nan_to_num(np.abs(predicted - truth), nan=WORST, posinf=WORST)
    return float(np.sqrt((np.minimum(off, WORST) ** 2).mean()))
