"""Grades submissions: the one way from untrusted bytes to a score."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.dataset import CANONICAL, Dataset, DatasetOptions, Size
from mle_gym.datasets.prepare import prepare
from mle_gym.errors import DatasetError, SubmissionError
from mle_gym.grading.csv.hidden_answers import Answers, load_answers, parse_answers
from mle_gym.grading.grade import Grade, Validation
from mle_gym.grading.graders.grader import Grader
from mle_gym.grading.graders.parity import ParityGrader, parity_rule
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.grading.graders.program import ProgramGrader
from mle_gym.grading.graders.several_files import SeveralFilesGrader, pack_folder
from mle_gym.grading.graders.single_file import SingleFileGrader
from mle_gym.regular_files import NotAFile, read_regular
from mle_gym.tasks.catalog import load_task
from mle_gym.text import show

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.grading.graders.program_run import ProgramRunner
    from mle_gym.tasks.spec import TaskSpec
    from mle_gym.tasks.submission_schema import SubmissionSpec

__all__ = [
    "Grade",
    "Validation",
    "grade",
    "load_grader",
    "open_grader",
    "pack_folder",
    "submission_bytes",
]


def grade(
    task: str | Path | TaskSpec,
    submission: bytes | str | Path | pd.DataFrame | None,
    answers: str | Path | pd.DataFrame | None = None,
    *,
    variant: int = 0,
    size: Size = CANONICAL.size,
    difficulty: float = CANONICAL.difficulty,
    parity: bool = False,
    score_ci: bool = False,
) -> Grade:
    """Grade a submission without an environment or a sandbox.

    Args:
        task: A name (``"titanic"``), a task folder, or a loaded task.
        submission: The bytes of a file, its path, or a table; the path of a folder where the task
            wants several files. None is no submission.
        answers: A file or a table in the shape of a perfect submission, with or without a column
            ``Usage``, to grade against; by default the answers of the prepared dataset.
        variant: The variant whose answers to use, or that the given ones belong to.
        size: How much data it has, if it is a generated one.
        difficulty: How hard it is, if it is a generated one.
        parity: Grade as MLE-bench does, quirks included, for tasks that have such a grader.
        score_ci: Also compute an interval of the score over resampled test rows; only for strict
            grading by a metric.

    Returns:
        A grade for any submission. A missing or unreadable one is not valid.

    Raises:
        TaskError: No such task, a broken one, or one without the parity grader asked for.
        DatasetError: The dataset can't be prepared, or the answers are broken.
    """
    spec = load_task(task) if isinstance(task, (str, Path)) else task
    options = DatasetOptions(variant, size=size, difficulty=difficulty)
    grader = load_grader(spec, answers, options=options, parity=parity, score_ci=score_ci)
    try:
        content = None if submission is None else submission_bytes(submission, spec.submission)
    except SubmissionError as error:
        return grader.refuse(error)
    return grader.grade(content)


def open_grader(
    dataset: Dataset,
    runner: ProgramRunner | None = None,
    *,
    score_ci: bool = False,
    sandbox: str = "auto",
) -> Grader[Any]:
    """The grader that grades submissions to a dataset strictly.

    Args:
        dataset: What to grade against.
        runner: Runs the programs that are handed in, where they are what is graded; without one,
            submissions are their predictions.
        score_ci: As for :class:`PredictionsGrader`; other graders have no interval.
        sandbox: Where a ``grade.py`` runs if no isolating sandbox can be had.

    Raises:
        TaskError: The task's metric, parameters or medals are broken.
    """
    if runner is not None:
        return ProgramGrader(dataset, runner, score_ci=score_ci, sandbox=sandbox)
    if dataset.task.submission.kind == "file":
        return SingleFileGrader(dataset, sandbox=sandbox)
    if dataset.task.submission.is_packed:
        return SeveralFilesGrader(dataset, sandbox=sandbox)
    return PredictionsGrader(dataset, score_ci=score_ci, sandbox=sandbox)


def load_grader(
    spec: TaskSpec,
    answers: str | Path | pd.DataFrame | None = None,
    *,
    options: DatasetOptions = CANONICAL,
    parity: bool = False,
    score_ci: bool = False,
) -> Grader[bytes]:
    """The grader that :func:`grade` uses for a dataset; the other arguments are the same.

    Raises:
        TaskError: A broken task, or one without the parity grader asked for.
        DatasetError: The dataset can't be prepared, or the answers are broken.
    """
    imported = "mle-bench" in spec.tags and spec.submission.kind == "file"
    if parity and not imported:
        parity_rule(spec.id)  # before data are prepared in vain
    if answers is None:
        dataset = prepare(spec, options)
        if not parity:
            return open_grader(dataset, score_ci=score_ci)
        return SingleFileGrader(dataset, parity=True) if imported else ParityGrader(dataset)
    if not spec.submission.columns:
        raise DatasetError(f"{spec.id}: answers: only the prepared ones, by its own grade.py")
    nowhere = Dataset(spec, options, public=spec.folder, private=spec.folder, digest="")
    if not parity:
        return PredictionsGrader(nowhere, _given_answers(answers, spec), score_ci=score_ci)
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
    try:
        return load_answers(file, spec.submission)
    except DatasetError as error:
        # It imports pandas, which no episode and few submissions need to be graded.
        from mle_gym.datasets.sources.kaggle.adopt import bench_answers

        theirs = None
        if spec.data.loader == "kaggle" and file.is_file():
            with suppress(DatasetError):  # the error above describes the file
                theirs = bench_answers(spec, file)
        if theirs is None:
            raise error from None
        return parse_answers(_table_bytes(theirs[0]), spec.submission, str(file))


def submission_bytes(
    submission: bytes | str | Path | pd.DataFrame, spec: SubmissionSpec
) -> bytes:  # fmt: skip
    """The submission's bytes; at most one more than allowed, which shows that it is too large.

    Raises:
        SubmissionError: It can't be read.
    """
    if isinstance(submission, (bytes, bytearray, memoryview)):
        return bytes(submission)
    if not isinstance(submission, (str, Path)):
        return _table_bytes(submission)
    path = Path(submission)
    if spec.kind == "files" and path.is_dir():
        return pack_folder(path, spec.max_bytes)
    try:
        return read_regular(path, spec.max_bytes)
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
