"""``grade`` and ``validate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

import mle_gym
from mle_gym.cli.command_line import DataSize, Difficulty, TaskName, Variant, find_task, read_file
from mle_gym.cli.console import AsJson, ExitCode, UsageError, emit, out
from mle_gym.cli.grade_panel import grade_panel
from mle_gym.datasets.dataset import CANONICAL, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.integrations.mle_bench.report import competition_report, submission_exists
from mle_gym.tasks.spec import TaskSpec

__all__ = ["commands"]

SubmissionFile = Annotated[
    Path, typer.Argument(metavar="SUBMISSION", help="A CSV file; - for standard input.")
]

GRADE_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym grade titanic submission.csv
  mle-gym grade titanic submission.csv --json | jq .score
  mle-gym grade titanic submission.csv --answers my_answers.csv
  mle-gym grade leaf-classification submission.csv --parity --format mle-bench

[dim]Exit code 1: the submission is invalid.[/dim]"""

VALIDATE_EXAMPLES = """\b
[bold]Example[/bold]
  mle-gym validate titanic submission.csv

[dim]Exit code 1: the submission is invalid.[/dim]"""


commands = typer.Typer()


@commands.command(epilog=GRADE_EXAMPLES)
def grade(
    task: TaskName,
    submission: SubmissionFile,
    answers: Annotated[
        Path | None, typer.Option(help="Grade against this file instead of the task's answers.")
    ] = None,
    variant: Variant = 0,
    size: DataSize = CANONICAL.size,
    difficulty: Difficulty = CANONICAL.difficulty,
    parity: Annotated[
        bool, typer.Option("--parity", help="Grade as MLE-bench does, quirks included.")
    ] = False,
    score_ci: Annotated[
        bool, typer.Option("--score-ci", help="Add an interval of the score over resampled rows.")
    ] = False,
    form: Annotated[
        str | None, typer.Option("--format", metavar="mle-bench", help="Print MLE-bench's report.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Grade a submission, without a sandbox and without an episode."""
    if score_ci and (parity or form):
        raise UsageError("--score-ci requires strict grading: leave out --parity and --format")
    if form not in (None, "mle-bench"):
        raise UsageError(f"--format: expected mle-bench, found {form!r}")
    if answers is not None and not answers.is_file():
        raise UsageError(f"--answers: there is no file at {answers}")
    spec = find_task(task)
    # The package imports pandas when it grades, so that this command's help doesn't wait for it.
    result = mle_gym.grade(
        spec,
        _content(spec, submission, missing_is_invalid=form is not None),
        answers,
        variant=variant,
        size=size,
        difficulty=difficulty,
        parity=parity,
        score_ci=score_ci,
    )
    if form:
        emit(competition_report(spec, result, submission))
    elif as_json:
        emit(result.to_dict())
    else:
        out().print(grade_panel(result.to_dict()))
    raise typer.Exit(ExitCode.OK if result.valid else ExitCode.NOT_OK)


def _content(spec: TaskSpec, submission: Path, *, missing_is_invalid: bool) -> bytes | Path | None:
    """What is graded: for MLE-bench, a file that isn't there is an invalid submission."""
    if spec.submission.kind == "files":
        return submission
    if missing_is_invalid:
        return submission if submission_exists(submission) else None
    return read_file(submission, spec.submission.max_bytes)


@commands.command(epilog=VALIDATE_EXAMPLES)
def validate(
    task: TaskName,
    submission: SubmissionFile,
    variant: Variant = 0,
    size: DataSize = CANONICAL.size,
    difficulty: Difficulty = CANONICAL.difficulty,
    as_json: AsJson = False,
) -> None:
    """Check the format of a submission without scoring it."""
    # Pandas, which the help of this command doesn't wait for.
    from mle_gym.grading.open_grader import open_grader, pack_folder

    spec = find_task(task)
    most = spec.submission.max_bytes
    several = spec.submission.kind == "files" and submission.is_dir()
    content = pack_folder(submission, most) if several else read_file(submission, most)
    options = DatasetOptions(variant, size=size, difficulty=difficulty)
    verdict = open_grader(prepare(spec, options)).validate(content)
    if as_json:
        emit(verdict.to_dict())
    elif verdict.valid:
        out().print(Text.assemble(("valid ", "bold green"), f"for {spec.id}"))
    else:
        text = Text.assemble(("invalid ", "bold red"), f"({verdict.code}): {verdict.message}")
        out().print(text, soft_wrap=True)
    raise typer.Exit(ExitCode.OK if verdict.valid else ExitCode.NOT_OK)
