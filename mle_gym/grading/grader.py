"""Grades submissions: the one door between untrusted bytes and a score."""

from __future__ import annotations

import hashlib
from functools import cached_property, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.errors import DatasetError, SubmissionError, TaskError
from mle_gym.grading.answers import Answers, load_answers, parse_answers
from mle_gym.grading.columns import Values
from mle_gym.grading.files import NotAFile, read_regular
from mle_gym.grading.leaderboard import (
    Thresholds,
    above_median,
    load_leaderboard,
    medal,
    medal_thresholds,
    percentile,
    rank,
)
from mle_gym.grading.reader import show
from mle_gym.grading.results import Grade, Validation
from mle_gym.grading.scorer import Table, load_scorer
from mle_gym.grading.submission import parse_values

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.tasks.dataset import Dataset
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Grade", "Grader", "Validation", "grade"]


class Grader:
    """Grades submissions for one dataset.

    No content makes it raise: whatever is wrong with a submission is in the grade. What is wrong
    with the task or its answers is raised, since it is not the agent's fault.

    Args:
        dataset: What to grade against; its answers are read once per process.
        answers: Answers to use in place of the dataset's own.

    Raises:
        TaskError: The task's metric, parameters, medals or ``grade.py`` are broken.
    """

    def __init__(self, dataset: Dataset, answers: Answers | None = None) -> None:
        self._dataset = dataset
        self._task = dataset.task
        self._given = answers
        self._scorer = load_scorer(self._task)
        self._board, self._thresholds = _standards(self._task)

    def grade(self, content: bytes | None) -> Grade:
        """Grade a submission; None stands for no submission at all.

        Raises:
            DatasetError: The answers are missing or broken.
            TaskError: The ``grade.py`` or the metric's parameters are broken.
        """
        sha256 = "" if content is None else hashlib.sha256(content).hexdigest()
        try:
            if content is None:
                raise SubmissionError("missing_submission", "there is no submission")
            submission = self._parse(content)
            score = self._score(submission, self._answers.private)
        except SubmissionError as error:
            return self.refuse(error, sha256)
        return self._grade(
            sha256,
            valid=True,
            rows=len(self._answers.ids),
            public_score=self._public_score(submission),
            **self._standing(score),
        )

    def refuse(self, error: SubmissionError, sha256: str = "") -> Grade:
        """The grade of a submission that can't be graded, for that reason."""
        floor = None if self._task.reference is None else False
        return self._grade(
            sha256,
            valid=False,
            error_code=error.code,
            error_message=error.message,
            beats_median=None if self._thresholds.median is None else False,
            beats_floor=floor,
        )

    def validate(self, content: bytes) -> Validation:
        """Check the format alone; the answers' values and scikit-learn are not touched."""
        try:
            self._parse(content)
        except SubmissionError as error:
            return Validation(False, error.code, error.message)
        return Validation(True)

    def public_score(self, content: bytes) -> float:
        """The score on the public part, for feedback.

        Raises:
            SubmissionError: The submission can't be graded, or this dataset has no public part.
        """
        submission = self._parse(content)
        if not len(self._answers.public):
            raise SubmissionError("no_public_part", "this dataset has no public part to score on")
        return self._score(submission, self._answers.public)

    @cached_property
    def _answers(self) -> Answers:
        if self._given is not None:
            return self._given
        return load_answers(self._dataset.private / "answers.csv", self._task.submission)

    def _parse(self, content: bytes) -> Table:
        submission = parse_values(content, self._task.submission, self._answers.ids)
        self._scorer.check(submission)
        return submission

    def _score(self, submission: Table, rows: Values) -> float:
        return self._scorer.score(submission, self._answers.values, rows)

    def _public_score(self, submission: Table) -> float | None:
        """None also where this part alone can't be scored: it is feedback, not the result."""
        rows = self._answers.public
        try:
            return self._score(submission, rows) if len(rows) else None
        except SubmissionError:
            return None

    def _standing(self, score: float) -> dict[str, Any]:
        """What a score is worth, by the names of the grade's fields."""
        higher, grade, reference = (
            self._scorer.higher_is_better,
            self._task.grade,
            self._task.reference,
        )
        share = (score - grade.worst) / (grade.best - grade.worst)
        floor = None if reference is None else reference.floor
        return {
            "score": score,
            "normalized": min(max(share, 0.0), 1.0),
            "rank": rank(score, self._board, higher) if self._board else None,
            "percentile": percentile(score, self._board, higher) if self._board else None,
            "medal": medal(score, self._thresholds, higher),
            "beats_median": above_median(score, self._thresholds, higher),
            "beats_floor": None if floor is None else (score > floor if higher else score < floor),
        }

    def _grade(self, sha256: str, **values: Any) -> Grade:
        return Grade(
            task=self._task.id,
            variant=self._dataset.options.variant,
            metric=self._task.grade.metric,
            higher_is_better=self._scorer.higher_is_better,
            thresholds=self._thresholds.to_dict(),
            sha256=sha256,
            dataset=self._dataset.digest,
            versions=dict(_versions()),
            **values,
        )


def grade(
    task: str | Path | TaskSpec,
    submission: bytes | str | Path | pd.DataFrame | None,
    answers: str | Path | pd.DataFrame | None = None,
    *,
    variant: int = 0,
    parity: bool = False,
) -> Grade:
    """Grade a submission without an environment or a sandbox.

    Args:
        task: A name (``"titanic"``), a task folder, or a loaded task.
        submission: The bytes of a CSV file, the path of one, or a table. None is no submission.
        answers: A file or a table in the shape of a perfect submission, with or without a column
            ``Usage``, to grade against; by default the answers of the prepared dataset.
        variant: The variant whose answers to take, or that the given ones belong to.
        parity: Grade as MLE-bench does, quirks included, for tasks that have such a grader.

    Returns:
        A grade, whatever the submission holds. A missing or unreadable one is not valid.

    Raises:
        TaskError: No such task, a broken one, or one without the parity grader asked for.
        DatasetError: The dataset can't be prepared, or the answers are broken.
    """
    from mle_gym.tasks.catalog import load_task
    from mle_gym.tasks.dataset import Dataset, DatasetOptions, prepare

    spec = load_task(task) if isinstance(task, (str, Path)) else task
    if parity:
        raise TaskError(
            f"task {spec.id!r} has no parity grader: parity=True is for MLE-bench competitions; "
            "leave it out for strict grading"
        )
    options = DatasetOptions(variant=variant)
    if answers is None:
        grader = Grader(prepare(spec, options))
    else:
        nowhere = Dataset(spec, options, public=spec.folder, private=spec.folder, digest="")
        grader = Grader(nowhere, _given_answers(answers, spec))
    try:
        content = None if submission is None else _content(submission, spec.submission.max_bytes)
    except SubmissionError as error:
        return grader.refuse(error)
    return grader.grade(content)


def _given_answers(answers: str | Path | pd.DataFrame, spec: TaskSpec) -> Answers:
    if isinstance(answers, (str, Path)):
        return load_answers(Path(answers), spec.submission)
    try:
        return parse_answers(_table_bytes(answers), spec.submission, "the given answers")
    except SubmissionError as error:
        raise DatasetError(f"the given answers: {error}") from None


def _content(submission: bytes | str | Path | pd.DataFrame, max_bytes: int) -> bytes:
    """The submission's bytes, one more than allowed at most."""
    if isinstance(submission, (bytes, bytearray, memoryview)):
        return bytes(submission)
    if not isinstance(submission, (str, Path)):
        return _table_bytes(submission)
    path = Path(submission)
    try:
        return read_regular(path, max_bytes)
    except NotAFile:
        raise SubmissionError("not_a_file", f"{show(path)} is not a regular file") from None
    except FileNotFoundError:
        raise SubmissionError("missing_submission", f"there is no file {show(path)}") from None
    except OSError as error:
        reason = f"{show(path)} can't be read: {error.strerror}"
        raise SubmissionError("unreadable", reason) from None


def _table_bytes(table: pd.DataFrame) -> bytes:
    """A table as the CSV file that an agent would have written."""
    try:
        return table.to_csv(index=False).encode("utf-8", "surrogatepass")
    except Exception as error:  # cells are arbitrary objects, whose str() may do anything
        raise SubmissionError(
            "unreadable", f"expected a table that to_csv can write, found {type(error).__name__}"
        ) from None


def _standards(task: TaskSpec) -> tuple[tuple[float, ...], Thresholds]:
    """The leaderboard's scores, if there is one, and the thresholds."""
    medals = task.medals
    if medals.leaderboard:
        board = load_leaderboard(task.folder / medals.leaderboard)
        return board, medal_thresholds(board, task.grade.higher_is_better)
    return (), Thresholds(medals.gold, medals.silver, medals.bronze, medals.median)


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    names = {"mle_gym": "mle-gym", "scikit-learn": "scikit-learn", "numpy": "numpy"}
    return {name: _version(package) for name, package in {**names, "pandas": "pandas"}.items()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a source tree that was never installed
        return "unknown"
