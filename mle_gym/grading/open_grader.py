"""Grades submissions: the one door between untrusted bytes and a score."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mle_gym.datasets.keys import KEY_FILE, generator
from mle_gym.errors import DatasetError, SubmissionError
from mle_gym.grading.csv.checked_table import parse_values
from mle_gym.grading.csv.hidden_answers import Answers, load_answers, load_ids, parse_answers
from mle_gym.grading.csv.typed_columns import Values
from mle_gym.grading.floor_and_ceiling import SAMPLE, Anchors
from mle_gym.grading.grade import Grade, SubmissionGrader, Validation
from mle_gym.grading.graders.grader import Marker
from mle_gym.grading.graders.parity import ParityGrader, parity_rule
from mle_gym.grading.graders.single_file import FileGrader
from mle_gym.grading.guesses import best_guess
from mle_gym.grading.scoring import Table, load_scorer
from mle_gym.regular_files import NotAFile, read_regular
from mle_gym.text import show

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.datasets.dataset import Dataset
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Grade", "Grader", "Validation", "grade", "load_grader", "open_grader"]


class Grader:
    """Grades submissions for one dataset.

    No content makes it raise: whatever is wrong with a submission is in the grade. What is wrong
    with the task or its answers is raised, since it is not the agent's fault.

    Args:
        dataset: What to grade against; its answers are read once per process.
        answers: Answers to use in place of the dataset's own.
        score_ci: Whether grades tell an interval of the score over resampled test rows, which costs
            milliseconds for a thousand rows and seconds for a million.
        sandbox: Where a ``grade.py`` runs if no isolating sandbox can be had.

    Raises:
        TaskError: The task's metric, parameters or medals are broken.
    """

    def __init__(
        self,
        dataset: Dataset,
        answers: Answers | None = None,
        *,
        score_ci: bool = False,
        sandbox: str = "auto",
    ) -> None:
        self._dataset = dataset
        self._task = dataset.task
        self._given = answers
        self._score_ci = score_ci
        self._scorer = load_scorer(self._task, sandbox)
        self._marker = Marker.load(
            dataset, self._scorer.higher_is_better, self._private_score, luck=self._luck
        )

    @property
    def anchors(self) -> Anchors:
        """The dataset's floor and ceiling, as far as they are known without running a program."""
        return self._marker.anchors

    def grade(self, content: bytes | None) -> Grade:
        """Grade a submission; None stands for no submission at all.

        Raises:
            DatasetError: The answers are missing or broken.
            TaskError: The ``grade.py`` or the metric's parameters are broken.
            SandboxError: The sandbox that a ``grade.py`` runs in can't be had.
        """
        sha256 = "" if content is None else hashlib.sha256(content).hexdigest()
        try:
            if content is None:
                raise SubmissionError("missing_submission", "there is no submission")
            submission = self._parse(content, self._answers.ids)
            score = self._score(submission, self._answers.private)
        except SubmissionError as error:
            return self.refuse(error, sha256)
        public = self._public_score(submission)
        rows = len(self._answers.ids)
        interval = self._interval(submission) if self._score_ci else None
        grade = self._marker.mark(score, sha256, rows, public_score=public, score_ci=interval)
        if grade.floor is not None and self._is_constant(submission):
            return replace(grade, anchored=0.0)  # it knows nothing of any row, however lucky
        return grade

    def refuse(self, error: SubmissionError, sha256: str = "") -> Grade:
        """The grade of a submission that can't be graded, for that reason."""
        return self._marker.refuse(error, sha256)

    def validate(self, content: bytes) -> Validation:
        """Check the format alone, beside the sample submission: no answer has a part in it."""
        try:
            self._parse(content, self._sample_ids)
        except SubmissionError as error:
            return Validation(False, error.code, error.message)
        return Validation(True)

    def promising(self, content: bytes) -> bool:
        """Whether it is valid and could know something: neither the sample nor a constant.

        Like :meth:`validate` it looks at the submission and the sample: no answer has a part in it.
        """
        try:
            submission = self._parse(content, self._sample_ids)
        except SubmissionError:
            return False
        if self._is_constant(submission):
            return False
        predicted = [submission[name] for name in self._task.submission.predicted]
        sample = self._sample
        return sample is None or not all(map(_equal, predicted, sample))

    def public_score(self, content: bytes) -> float:
        """The score on the public part, for feedback.

        Raises:
            SubmissionError: The submission can't be graded, or this dataset has no public part.
        """
        submission = self._parse(content, self._answers.ids)
        if not len(self._answers.public):
            raise SubmissionError("no_public_part", "this dataset has no public part to score on")
        try:
            return self._score(submission, self._answers.public)
        except SubmissionError as error:
            error.saw_answers = True
            raise

    @cached_property
    def _answers(self) -> Answers:
        if self._given is not None:
            return self._given
        return load_answers(self._dataset.private / "answers.csv", self._task.submission)

    @cached_property
    def _sample_ids(self) -> pd.Index:
        sample = self._dataset.inputs / SAMPLE
        if self._given is not None or not sample.is_file():  # of answers alone, made by hand
            return self._answers.ids
        return load_ids(sample, self._task.submission)

    @cached_property
    def _sample(self) -> list[Values] | None:
        """The sample submission's predictions; None where it has none for these rows."""
        try:
            content = (self._dataset.inputs / SAMPLE).read_bytes()
            sample = self._parse(content, self._sample_ids)
        except (OSError, SubmissionError):
            return None
        return [sample[name] for name in self._task.submission.predicted]

    def _parse(self, content: bytes, ids: pd.Index) -> Table:
        submission = parse_values(content, self._task.submission, ids)
        self._scorer.check(submission)
        return submission

    def _score(self, submission: Table, rows: Values) -> float:
        return self._scorer.score(submission, self._answers.values, rows)

    def _is_constant(self, submission: Table) -> bool:
        """Whether it says the same of every row."""
        columns = (submission[name] for name in self._task.submission.predicted)
        return all((column == column[0]).all() for column in columns)

    def _private_score(self, content: bytes) -> float:
        return self._score(self._parse(content, self._answers.ids), self._answers.private)

    def _luck(self) -> float | None:
        """What guesses score that know nothing, the luckiest of them aside."""
        if not (self._task.folder / KEY_FILE).is_file():  # made by hand: to prepare takes a key
            return None
        rng = generator(self._task, self._dataset.options.variant, "floor")
        answers, spec = self._answers, self._task.submission
        return best_guess(self._scorer, spec, answers.values, answers.private, rng)

    def _interval(self, submission: Table) -> tuple[float, float] | None:
        return self._scorer.interval(submission, self._answers.values, self._answers.private)

    def _public_score(self, submission: Table) -> float | None:
        """None also where this part alone can't be scored: it is feedback, not the result."""
        rows = self._answers.public
        try:
            return self._score(submission, rows) if len(rows) else None
        except SubmissionError:
            return None


def _equal(one: Values, other: Values) -> bool:
    """Whether two columns say the same, however their numbers were written."""
    if one.dtype.kind in "if" and other.dtype.kind in "if":
        return bool(np.allclose(one, other, rtol=1e-5, atol=1e-9))
    return bool((one == other).all())


def grade(
    task: str | Path | TaskSpec,
    submission: bytes | str | Path | pd.DataFrame | None,
    answers: str | Path | pd.DataFrame | None = None,
    *,
    variant: int = 0,
    parity: bool = False,
    score_ci: bool = False,
) -> Grade:
    """Grade a submission without an environment or a sandbox.

    Args:
        task: A name (``"titanic"``), a task folder, or a loaded task.
        submission: The bytes of a CSV file, the path of one, or a table. None is no submission.
        answers: A file or a table in the shape of a perfect submission, with or without a column
            ``Usage``, to grade against; by default the answers of the prepared dataset.
        variant: The variant whose answers to take, or that the given ones belong to.
        parity: Grade as MLE-bench does, quirks included, for tasks that have such a grader.
        score_ci: Also tell an interval of the score over resampled test rows, where strict grading
            by a metric can.

    Returns:
        A grade, whatever the submission holds. A missing or unreadable one is not valid.

    Raises:
        TaskError: No such task, a broken one, or one without the parity grader asked for.
        DatasetError: The dataset can't be prepared, or the answers are broken.
    """
    from mle_gym.tasks.catalog import load_task

    spec = load_task(task) if isinstance(task, (str, Path)) else task
    grader = load_grader(spec, answers, variant=variant, parity=parity, score_ci=score_ci)
    try:
        content = None if submission is None else _content(submission, spec.submission.max_bytes)
    except SubmissionError as error:
        return grader.refuse(error)
    return grader.grade(content)


def open_grader(
    dataset: Dataset, *, score_ci: bool = False, sandbox: str = "auto"
) -> Grader | FileGrader:
    """What grades submissions to a dataset strictly; the arguments are those of :class:`Grader`.

    Raises:
        TaskError: The task's metric, parameters or medals are broken.
    """
    if dataset.task.submission.kind == "file":
        return FileGrader(dataset, sandbox=sandbox)
    return Grader(dataset, score_ci=score_ci, sandbox=sandbox)


def load_grader(
    spec: TaskSpec,
    answers: str | Path | pd.DataFrame | None = None,
    *,
    variant: int = 0,
    parity: bool = False,
    score_ci: bool = False,
) -> SubmissionGrader:
    """What grades a task's submissions; the arguments are those of :func:`grade`.

    Raises:
        TaskError: A broken task, or one without the parity grader asked for.
        DatasetError: The dataset can't be prepared, or the answers are broken.
    """
    from mle_gym.datasets.dataset import Dataset, DatasetOptions, prepare

    imported = "mle-bench" in spec.tags and spec.submission.kind == "file"
    if parity and not imported:
        parity_rule(spec.id)  # before the data are prepared for nothing
    options = DatasetOptions(variant=variant)
    if answers is None:
        dataset = prepare(spec, options)
        if not parity:
            return open_grader(dataset, score_ci=score_ci)
        return FileGrader(dataset, parity=True) if imported else ParityGrader(dataset)
    if spec.submission.kind == "file":
        raise DatasetError(f"{spec.id}: answers: only the prepared ones, by its own grade.py")
    nowhere = Dataset(spec, options, public=spec.folder, private=spec.folder, digest="")
    if not parity:
        return Grader(nowhere, _given_answers(answers, spec), score_ci=score_ci)
    if not isinstance(answers, (str, Path)):
        raise DatasetError("parity: expected answers in a file, found a table")
    return ParityGrader(nowhere, Path(answers))


def _given_answers(answers: str | Path | pd.DataFrame, spec: TaskSpec) -> Answers:
    if isinstance(answers, (str, Path)):
        return _answers_in(Path(answers), spec)
    try:
        return parse_answers(_table_bytes(answers), spec.submission, "the given answers")
    except SubmissionError as error:
        raise DatasetError(f"the given answers: {error}") from None


def _answers_in(file: Path, spec: TaskSpec) -> Answers:
    """Answers in our shape, or those that MLE-bench keeps of a competition."""
    from mle_gym.datasets.sources.kaggle.adopt import bench_answers

    try:
        return load_answers(file, spec.submission)
    except DatasetError as error:
        theirs = None
        if spec.data.loader == "kaggle" and file.is_file():
            with suppress(DatasetError):  # what is wrong with it has been said
                theirs = bench_answers(spec, file)
        if theirs is None:
            raise error from None
        return parse_answers(_table_bytes(theirs[0]), spec.submission, str(file))


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
