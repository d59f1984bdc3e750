"""The hidden answers: read once per process, by the same reader as submissions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mle_gym.errors import DatasetError, SubmissionError
from mle_gym.grading.csv.checked_table import id_index, read_values
from mle_gym.grading.csv.read_text_columns import check_bytes, read_header
from mle_gym.grading.csv.typed_columns import Values
from mle_gym.regular_files import read_regular
from mle_gym.tasks.submission_schema import Column

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.tasks.submission_schema import SubmissionSpec

__all__ = ["Answers", "load_answers", "load_ids", "parse_answers"]

USAGE = "Usage"
"""The optional last column: ``Public``, ``Private`` or, for rows that must be handed in but don't
count, ``Ignored`` (Kaggle's words). Without it every row is private."""
USAGE_COLUMN = Column(type="str", values=("Public", "Private", "Ignored"))


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of one dataset, in the shape of a perfect submission."""

    values: Mapping[str, Values]
    """The submission's columns, id included."""
    ids: pd.Index
    public: Values
    """Positions of the rows whose score is feedback; may be empty."""
    private: Values
    """Positions of the rows whose score is the result; at least one."""


@dataclass(frozen=True)
class _File:
    """What a cached table depends on."""

    path: Path
    mtime_ns: int
    size: int
    shape: str
    """The spec as JSON: specs hold dicts and have no hash."""
    spec: SubmissionSpec = field(compare=False)


def load_answers(path: Path, spec: SubmissionSpec) -> Answers:
    """The answers in a file, from memory if it hasn't changed.

    Raises:
        DatasetError: The file is missing, or not what the submission's columns say.
    """
    try:
        status = path.stat()
        return _load(_File(path, status.st_mtime_ns, status.st_size, spec.model_dump_json(), spec))
    except OSError as error:
        raise DatasetError(f"{path}: expected a readable file, found: {error.strerror}") from None


def load_ids(path: Path, spec: SubmissionSpec) -> pd.Index:
    """The ids in a sample submission, from memory if it hasn't changed.

    Raises:
        DatasetError: The file is missing, or not a valid submission.
    """
    try:
        status = path.stat()
        shape = spec.model_dump_json()
        return _load_ids(_File(path, status.st_mtime_ns, status.st_size, shape, spec))
    except OSError as error:
        raise DatasetError(f"{path}: expected a readable file, found: {error.strerror}") from None


@lru_cache(maxsize=32)
def _load(file: _File) -> Answers:
    return parse_answers(read_regular(file.path), file.spec, os.fspath(file.path))


@lru_cache(maxsize=32)
def _load_ids(file: _File) -> pd.Index:
    return parse_answers(read_regular(file.path), file.spec, os.fspath(file.path)).ids


def parse_answers(content: bytes, spec: SubmissionSpec, name: str) -> Answers:
    """Answers from the bytes of a CSV file: the columns of a submission, and perhaps ``Usage``.

    Raises:
        DatasetError: Says what is wrong with ``name``.
    """
    try:
        check_bytes(content, max(len(content), 1))
        columns = dict(spec.columns)
        if USAGE in read_header(content) and USAGE not in columns:
            columns[USAGE] = USAGE_COLUMN
        values = read_values(content, spec, columns, None)
    except SubmissionError as error:
        raise DatasetError(f"{name}: these answers are not a perfect submission: {error}") from None
    ids = id_index(values[spec.id])
    if not ids.is_unique:
        raise DatasetError(f"{name}: the answers have several rows with the same {spec.id!r}")
    usage = np.full(len(ids), "Private", dtype=object)
    if USAGE not in spec.columns and USAGE in values:
        usage = values.pop(USAGE)
    public, private = np.flatnonzero(usage == "Public"), np.flatnonzero(usage == "Private")
    if not len(private):
        raise DatasetError(f"{name}: expected at least one row whose {USAGE} is 'Private'")
    return Answers(values, ids, public, private)
