"""Grades submissions that only the task's own ``grade.py`` can read: ``submission.kind = "file"``.

So competitions of other benchmarks keep their own graders. The function is ``grade_file(submission:
Path, private: Path) -> float``: the file as it was handed in, and the dataset's private folder. It
runs in a sandbox (:mod:`mle_gym.grading.grader_code.code_sandbox`). It raises ValueError or
SubmissionError, with a reason that quotes no answer, to refuse a submission, and DatasetError if
the submission isn't to blame.
"""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.errors import DatasetError
from mle_gym.grading.floor_and_ceiling import SAMPLE
from mle_gym.grading.grader_code.call_outcome import not_finite
from mle_gym.grading.grader_code.code_and_limits import GraderCode
from mle_gym.grading.grader_code.code_sandbox_pool import shared_pool
from mle_gym.grading.graders.file_shape import FileShape, load_shape
from mle_gym.grading.graders.grade_maker import GradeMaker
from mle_gym.grading.graders.whole_submission import WholeSubmissionGrader
from mle_gym.grading.score import Score

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset

__all__ = ["SingleFileGrader"]


class SingleFileGrader(WholeSubmissionGrader):
    """Grades a file by the task's own function, which reads the whole of it.

    All rows count and there is no public part.

    Args:
        dataset: What to grade against.
        parity: Accept scores that are NaN or infinite, as MLE-bench does.
        sandbox: Where ``grade.py`` runs if no isolating sandbox can be had.

    Raises:
        TaskError: No ``grade.py``.
    """

    def __init__(self, dataset: Dataset, *, parity: bool = False, sandbox: str = "auto") -> None:
        self._dataset = dataset
        self._spec = dataset.task.submission
        code = GraderCode.of(dataset.task, "grade_file", sandbox, dataset.private)
        self._code = shared_pool(code)
        self._parity, higher = parity, dataset.task.grade.higher_is_better
        kind = "parity" if parity else "strict"
        self._grades = GradeMaker(dataset, higher, self._score, kind)

    def promising(self, content: bytes, /) -> bool:
        """Whether it is valid and not the sample; only the task's ``grade.py`` could say more."""
        return content != self._sample() and self.validate(content).valid

    def _check(self, content: bytes) -> None:
        self._shape.check(content, self._spec.max_bytes)

    def _found(self, content: bytes) -> Score:
        self._shape.check_cost(content, self._spec.max_bytes)
        found = self._code.score_file(content, self._spec.filename, self._sample)
        if not (math.isfinite(found.value) or self._parity):
            raise not_finite(found.value)
        return found

    @cached_property
    def _shape(self) -> FileShape:
        return load_shape(self._sample_file)

    @property
    def _sample_file(self) -> Path:
        return self._dataset.public / SAMPLE

    def _sample(self) -> bytes:
        """The sample submission, which shows whether a failed ``grade.py`` is broken."""
        try:
            return self._sample_file.read_bytes()
        except OSError as error:
            raise DatasetError(f"{self._sample_file}: can't be read: {error.strerror}") from None
