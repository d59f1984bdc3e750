"""The brief, which describes a task to an agent, in the same form for every task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mle_gym.episode.brief.data_section import data_section
from mle_gym.episode.brief.quantities import bytes_text, count_text, duration_text
from mle_gym.episode.brief.submission_section import submission_section
from mle_gym.metrics import METRICS

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.episode.clock import Counted
    from mle_gym.sandbox.limits import Limits
    from mle_gym.tasks.spec import TaskSpec
    from mle_gym.tasks.submission_schema import SubmissionSpec

__all__ = ["brief", "problem_statement"]

_VALIDATES = (
    "says whether the file is a valid submission, and if not, why. Gives no score; as often as you "
    "like."
)
_TRIES = (
    "runs the program in a sandbox of its own on the example rows, and says whether it leads to "
    "valid predictions, and if not, why. Gives no score; as often as you like."
)
_CARRIES_OVER = (
    "Each command runs in a new `bash`. The folder, variables and functions carry over from one to "
    "the next, and so does a virtual environment; options such as `set -e`, aliases and traps do "
    "not. Processes in the background go on."
)
_COUNTED: dict[Counted, str] = {
    "wall": "of wall-clock time",
    "commands": "in which your actions run",
}
_FAILS = " A program that fails on the hidden rows also costs one, and the reason is not shown."


def brief(
    dataset: Dataset,
    *,
    feedback: str,
    max_steps: int,
    time_limit: float,
    clock: Counted,
    limits: Limits,
    score_calls: int,
) -> str:
    """The text that an episode opens with, as Markdown.

    Args:
        dataset: The prepared task.
        feedback: ``"none"``, ``"validate"`` or ``"score"``: which commands there are.
        max_steps: Actions in the episode.
        time_limit: Seconds of the episode.
        clock: What counts as its time.
        limits: What the sandbox may use.
        score_calls: How often ``score`` may be called.

    Raises:
        DatasetError: The dataset's files are gone.
    """
    task = dataset.task
    time = f"{duration_text(time_limit)} {_COUNTED[clock]}"
    sections = (
        problem_statement(dataset, feedback),
        _limits(max_steps, time, limits, task.submission),
        _commands(task, feedback, score_calls),
    )
    return "\n\n".join(sections) + "\n"


def problem_statement(dataset: Dataset, feedback: str = "none") -> str:
    """The part of a brief that is true wherever the task is played: not its limits and commands.

    Args:
        dataset: The prepared task.
        feedback: With ``"score"``, the text says what a public score is worth.

    Raises:
        DatasetError: The dataset's files are gone.
    """
    task, manifest = dataset.task, dataset.manifest
    sections = (
        f"# {task.title}\n\n{task.description}",
        data_section(task, manifest),
        _scoring(task, feedback),
        submission_section(task.submission, manifest),
    )
    return "\n\n".join(sections)


def _scoring(task: TaskSpec, feedback: str) -> str:
    grade = task.grade
    direction = "higher" if grade.higher_is_better else "lower"
    lines = ["## Scoring", "", f"The metric is {_metric(task)}; **{direction} is better**."]
    if grade.scale == "anchors":
        lines[-1] += (
            " On the scale from 0 to 1 that results are compared on, the score of the sample "
            "submission is 0, and that of a gold medal 1."
        )
    elif (grade.worst, grade.best) != (0.0, 1.0):
        lines[-1] += (
            f" On the scale from 0 to 1 that results are compared on, a score of {grade.best:g} "
            f"is 1, a score of {grade.worst:g} or worse is 0, and scores between are in proportion."
        )
    if feedback == "score" and grade.public_fraction:
        share = f"{grade.public_fraction:.0%}"
        lines += [
            "",
            f"`score` is computed on a fixed {share} of the test rows, which are not named. Your "
            "result is computed on the other rows, so a model that was chosen by `score` alone may "
            "do worse in the end; validate on your own held-out rows too.",
        ]
    return "\n".join(lines)


def _metric(task: TaskSpec) -> str:
    metric = METRICS.get(task.grade.metric)
    title = metric.title if metric and not task.hook("grade") else task.grade.metric
    params = ", ".join(f"{name} = {value}" for name, value in task.grade.params.items())
    return f"**{title}**" + (f" ({params})" if params else "")


def _limits(max_steps: int, time: str, limits: Limits, spec: SubmissionSpec) -> str:
    cpus = f"{limits.cpus:g} CPU{'' if limits.cpus == 1 else 's'}"
    return "\n".join(
        [
            "## Limits",
            "",
            f"- {count_text(max_steps, 'step')} (every action is one) and "
            f"{time}, whichever ends first. Then "
            f"`{spec.filename}` is graded as it is, so write one early and improve it.",
            f"- {cpus}, {bytes_text(limits.memory_mb * 2**20)} of memory, "
            f"{bytes_text(limits.disk_mb * 2**20)} of disk. A process that exceeds the memory "
            "limit is killed.",
            f"- Of a long output you see the beginning and the end: {limits.output_bytes:,} bytes.",
            f"- {'A submission has' if spec.code is None else 'Predictions have'} at most "
            f"{bytes_text(spec.max_bytes)}.",
        ]
    )


def _commands(task: TaskSpec, feedback: str, score_calls: int) -> str:
    file, program = task.submission.filename, task.submission.code is not None
    lines = ["## Commands", "", "Besides the usual tools and `python`, the shell has:", ""]
    if feedback in ("validate", "score"):
        lines.append(f"- `validate {file}`: {_TRIES if program else _VALIDATES}")
    if feedback == "score":
        lines.append(
            f"- `score {file}`: the score on the public part of the test rows; "
            f"{count_text(score_calls, 'call')} in all.{_FAILS if program else ''}"
        )
    handed = "program" if program else "file"
    lines.append(f"- `submit {file}`: hands the {handed} in for grading and ends the episode.")
    lines += ["", _CARRIES_OVER]
    return "\n".join(lines)
