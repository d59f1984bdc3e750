"""Grades several files together: a folder that was handed in, or what a program's runs left.

The files come packed (:func:`mle_gym.sandbox.pack_files`), so that a grade and a record have one
digest for all of them. The task's own ``grade_files(submission: Path, private: Path)`` gets them as
a folder, beside the dataset's private folder, and runs in a sandbox
(:mod:`mle_gym.grading.grader_code.code_sandbox`). It returns a score, with or without parts.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.errors import DatasetError, SubmissionError
from mle_gym.grading.csv.checked_table import parse_values
from mle_gym.grading.csv.hidden_answers import load_ids
from mle_gym.grading.csv.read_text_columns import too_large
from mle_gym.grading.grader_code.call_outcome import not_finite
from mle_gym.grading.grader_code.code_and_limits import GraderCode
from mle_gym.grading.grader_code.code_sandbox_pool import shared_pool
from mle_gym.grading.graders.grade_maker import GradeMaker
from mle_gym.grading.graders.program_runs import MEASUREMENTS, without_outputs
from mle_gym.grading.graders.whole_submission import WholeSubmissionGrader
from mle_gym.sandbox import Files, pack_files, unpack_files
from mle_gym.tasks.submission_schema import FileSpec, SubmissionSpec

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.grading.score import Score

__all__ = ["SeveralFilesGrader", "pack_folder"]

SAMPLE_FOLDER = "sample_submission"
MOST_FILES = 1000


class SeveralFilesGrader(WholeSubmissionGrader):
    """Grades packed files by the task's own function. All of it counts; there is no public part.

    Args:
        dataset: What to grade against.
        sandbox: Where ``grade.py`` runs if no isolating sandbox can be had.

    Raises:
        TaskError: No ``grade.py``.
    """

    def __init__(self, dataset: Dataset, *, sandbox: str = "auto") -> None:
        self._dataset = dataset
        self._spec = dataset.task.submission
        self._code = shared_pool(
            GraderCode.of(dataset.task, "grade_files", sandbox, dataset.private)
        )
        higher = dataset.task.grade.higher_is_better
        self._grades = GradeMaker(dataset, higher, self._score, sample=self._packed_sample)

    def promising(self, content: bytes, /) -> bool:
        """Whether it is valid and not the sample; only the task's ``grade.py`` could say more."""
        if not self.validate(content).valid:
            return False
        try:
            return unpack_files(content) != unpack_files(self._packed_sample())
        except (OSError, ValueError):
            return True

    def _check(self, content: bytes) -> Files:
        return self._unpacked(content)

    def _found(self, content: bytes) -> Score:
        files = self._unpacked(content)
        found = self._code.score_files(files, lambda: self._control(files))
        if not abs(found.value) < float("inf"):
            raise not_finite(found.value)
        return found

    def _control(self, files: Files) -> Files:
        """What every ``grade_files`` must be able to grade: the sample, or runs that all failed."""
        if self._spec.kind == "code":
            return without_outputs(files)
        try:
            return unpack_files(self._packed_sample())
        except OSError as error:
            raise DatasetError(f"{error.filename}: can't be read: {error.strerror}") from None

    def _packed_sample(self) -> bytes:
        folder = self._dataset.public / SAMPLE_FOLDER
        if not folder.is_dir():
            raise FileNotFoundError(2, "there is no sample submission", str(folder))
        return pack_files(read_folder(folder))

    def _unpacked(self, content: bytes) -> Files:
        if len(content) > self._spec.max_bytes:
            raise too_large(content, f"the {self._spec.max_bytes:,} bytes that are allowed")
        try:
            files = unpack_files(content)
        except ValueError as error:
            raise SubmissionError("not_a_folder", f"expected a folder of files: {error}") from None
        if self._spec.kind == "code":
            if MEASUREMENTS not in files:
                raise SubmissionError("not_a_folder", f"expected {MEASUREMENTS} beside the outputs")
            json.loads(files[MEASUREMENTS])  # written by this package, or a record is forged
            return files
        self._check_files(files)
        return files

    def _check_files(self, files: Files) -> None:
        declared = self._spec.files
        for name, spec in declared.items():
            if name in files:
                self._check_file(name, files[name], spec)
            elif not spec.optional:
                raise SubmissionError("missing_file", f"expected a file {name!r} in the folder")
        if unknown := sorted(files.keys() - declared.keys()):
            allowed = ", ".join(map(repr, declared))
            raise SubmissionError("unknown_file", f"found {unknown[0]!r}, expected only {allowed}")

    def _check_file(self, name: str, content: bytes, spec: FileSpec) -> None:
        try:
            if len(content) > spec.max_bytes:
                raise too_large(content, f"the {spec.max_bytes:,} bytes that are allowed")
            if spec.columns:
                table = self._table_specs[name]
                parse_values(content, table, load_ids(self._sample_file(name), table))
        except SubmissionError as error:
            raise SubmissionError(error.code, f"{name}: {error.message}") from None

    @cached_property
    def _table_specs(self) -> dict[str, SubmissionSpec]:
        return {
            name: SubmissionSpec(id=spec.id, columns=spec.columns, max_bytes=spec.max_bytes)
            for name, spec in self._spec.files.items()
            if spec.columns
        }

    def _sample_file(self, name: str) -> Path:
        return self._dataset.public / SAMPLE_FOLDER / name


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a folder and of those in it, but no hidden ones, in the order of their names."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not path.is_symlink() and not any(p.startswith(".") for p in parts):
            found["/".join(parts)] = path.read_bytes()
    return found


def pack_folder(folder: Path, max_bytes: int) -> bytes:
    """The files of a folder of the host, as an agent's would be handed in.

    Raises:
        SubmissionError: There are too many of them, or they are too large.
    """
    paths = [path for path in folder.rglob("*") if path.is_file()]
    held = sum(path.stat().st_size for path in paths)
    if len(paths) > MOST_FILES or held > max_bytes:
        found = f"{len(paths):,} files of {held:,} bytes"
        allowed = f"at most {MOST_FILES:,} files and {max_bytes:,} bytes"
        raise SubmissionError("too_large", f"found {found}, expected {allowed}")
    return pack_files(read_folder(folder))
