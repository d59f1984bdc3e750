"""Grades submissions that only the task's own ``grade.py`` can read: ``submission.kind = "file"``.

So competitions of other benchmarks keep their own graders. Its function is
``grade_file(submission: Path, private: Path) -> float``: the file as it was handed in, and the
dataset's private folder. It raises ValueError or SubmissionError, with a reason that quotes no
answer, to refuse a submission, and DatasetError where the fault is not the submission's.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.errors import DatasetError, SubmissionError, TaskError
from mle_gym.grading.marks import Marker
from mle_gym.grading.results import Validation

if TYPE_CHECKING:
    from mle_gym.grading.results import Grade
    from mle_gym.tasks.dataset import Dataset

__all__ = ["FileGrader"]

LONGEST_REASON = 300
"""Characters of a grader's own message that are passed on."""


class FileGrader:
    """As :class:`mle_gym.grading.grader.Grader`, by the task's own function on the whole file.

    All rows count and there is no public part. The function is called in this process; what can't
    be trusted with hostile files should start one of its own.

    Args:
        dataset: What to grade against.
        parity: Let scores pass that are NaN or infinite, as MLE-bench does.

    Raises:
        TaskError: No ``grade.py``, or one without the function.
    """

    def __init__(self, dataset: Dataset, *, parity: bool = False) -> None:
        from mle_gym.tasks.hooks import load_hook

        self._dataset = dataset
        path = dataset.task.folder / "grade.py"
        if not path.is_file():
            raise TaskError(f"{path}: expected a function grade_file for this kind of submission")
        self._path, self._function = path, load_hook(path, "grade_file")
        self._parity, higher = parity, dataset.task.grade.higher_is_better
        self._marker = Marker.load(dataset, higher, "parity" if parity else "strict")

    def grade(self, content: bytes | None) -> Grade:
        """Grade a submission; None stands for no submission at all.

        Raises:
            DatasetError: The answers are missing, or the grader can't be run here.
            TaskError: The ``grade.py`` is broken.
        """
        sha256 = "" if content is None else hashlib.sha256(content).hexdigest()
        try:
            if content is None:
                raise SubmissionError("missing_submission", "there is no submission")
            score = self._score(content)
        except SubmissionError as error:
            return self._marker.refuse(error, sha256)
        return self._marker.mark(score, sha256, 0)

    def refuse(self, error: SubmissionError, sha256: str = "") -> Grade:
        """The grade of a submission that can't be graded, for that reason."""
        return self._marker.refuse(error, sha256)

    def validate(self, content: bytes) -> Validation:
        """Whether it can be graded: there is no way to know but to grade it."""
        try:
            self._score(content)
        except SubmissionError as error:
            return Validation(False, error.code, error.message)
        return Validation(True)

    def public_score(self, content: bytes) -> float:
        """There is none.

        Raises:
            SubmissionError: Always.
        """
        raise SubmissionError("no_public_part", "this dataset has no public part to score on")

    def _score(self, content: bytes) -> float:
        spec = self._dataset.task.submission
        if len(content) > spec.max_bytes:
            raise SubmissionError("too_large", f"found over {spec.max_bytes:,} bytes")
        with tempfile.TemporaryDirectory(prefix="mle-gym-") as folder:
            file = Path(folder, spec.filename)
            file.write_bytes(content)
            try:
                result = self._function(file, self._dataset.private)
            except (SubmissionError, TaskError, DatasetError):
                raise
            except ValueError as error:
                raise SubmissionError("refused", str(error)[:LONGEST_REASON]) from error
        if isinstance(result, bool) or not isinstance(result, (int, float)):
            found = type(result).__name__
            raise TaskError(f"{self._path}: grade_file: expected a number, found {found}")
        if not math.isfinite(result) and not self._parity:
            raise SubmissionError("score_not_finite", f"the score of this submission is {result}")
        return float(result)
