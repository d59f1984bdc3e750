"""Checks of a task that take more than one table of ``task.toml``, or a look into the folder."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from mle_gym.errors import TaskError
from mle_gym.metrics import METRICS
from mle_gym.tasks.field_problems import FieldProblem
from mle_gym.text import did_you_mean

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["check_task"]


def check_task(task: TaskSpec) -> None:
    """Check what the tables of a task say about each other.

    Raises:
        FieldProblem: The first contradiction, named by its field.
    """
    _check_files(task)
    _check_columns(task)
    _check_metric(task)
    _check_thresholds(task)


def _check_files(task: TaskSpec) -> None:
    data = task.data
    kind, whole = task.submission.kind, not task.submission.columns
    function = "grade_files" if task.submission.is_packed else "grade_file"
    if whole and task.hook("grade") is None:
        wanted = f"'csv', or a grade.py with {function}"
        raise FieldProblem("submission.kind", wanted, task.submission.kind)
    if task.grader != type(task.grader)() and task.hook("grade") is None:
        raise FieldProblem("grader", "none without a grade.py", task.grader.model_dump())
    if whole and data.test_size is not None:
        wanted = f"none for a submission of kind {kind!r} without columns"
        raise FieldProblem("data.test_size", wanted, data.test_size)
    generated = data.loader == "generate"  # and perhaps laid out freely, without a split of rows
    if data.test_size is None and task.hook("prepare") is None and not generated:
        raise FieldProblem("data.test_size", "test rows to split off, or a prepare.py", None)
    if data.test_size is None and task.submission.code is not None and not generated:
        wanted = "test rows to split off, since a submitted program predicts hidden ones"
        raise FieldProblem("data.test_size", wanted, None)
    if generated and task.hook("generate") is None:
        raise FieldProblem("data.loader", "a generate.py beside task.toml", "none")
    if data.loader == "files":
        path = (task.folder / data.ref).resolve()
        if not path.is_relative_to(task.folder.resolve()) or not path.exists():
            raise FieldProblem("data.ref", "a file or folder inside the task's folder", data.ref)
    board = task.medals.leaderboard
    if board is not None and not (task.folder / board).is_file():
        raise FieldProblem("medals.leaderboard", "a CSV file in the task's folder", board)


def _check_columns(task: TaskSpec) -> None:
    data, submission = task.data, task.submission
    if data.test_size is None:
        return
    if submission.id != data.id:
        raise FieldProblem("submission.id", f"the same as data.id ({data.id!r})", submission.id)
    if task.class_columns:
        for name in submission.predicted:
            if submission.columns[name].type != "probability":
                wanted = f"the target {data.target}, or one 'probability' column a class"
                raise FieldProblem("submission.columns", wanted, name)
        return
    for name in submission.predicted:
        if name not in (data.target or ()):
            raise FieldProblem("submission.columns", f"only targets {data.target}", name)


def _check_metric(task: TaskSpec) -> None:
    """The metric is known and fits the task; with a ``grade.py`` its name is only a name."""
    grade = task.grade
    if task.hook("grade") is not None:
        return
    metric = METRICS.get(grade.metric)
    if metric is None:
        wanted = f"a metric of mle_gym{did_you_mean(grade.metric, METRICS)}, or a grade.py"
        raise FieldProblem("grade.metric", wanted, grade.metric)
    if metric.higher_is_better != grade.higher_is_better:
        side = "above" if metric.higher_is_better else "below"
        wanted = f"a score {side} worst ({grade.worst}), as {grade.metric} has it"
        raise FieldProblem("grade.best", wanted, grade.best)
    try:
        metric.complete(grade.params)
    except TaskError as error:
        raise FieldProblem("grade.params", f"what fits ({error})", grade.params) from None
    types = [task.submission.columns[name].type for name in task.submission.predicted]
    try:
        metric.check_columns(types)
    except TaskError as error:
        raise FieldProblem("submission.columns", f"what fits ({error})", types) from None


def _check_thresholds(task: TaskSpec) -> None:
    sign = 1 if task.grade.higher_is_better else -1
    for (better, high), (worse, low) in pairwise(task.medals.thresholds.items()):
        if sign * high < sign * low:
            wanted = f"a score at least as good as {worse} ({low})"
            raise FieldProblem(f"medals.{better}", wanted, high)
