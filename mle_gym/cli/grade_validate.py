"""``grade`` and ``validate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mle_gym.cli.arguments import TaskName, Variant, find_task, read_file
from mle_gym.cli.output import AsJson, ExitCode, Unusable, emit, out

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mle_gym.grading.grade import SubmissionGrader
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["add_to", "grade_panel"]

STYLES = {"gold": "bold yellow", "silver": "bold white", "bronze": "bold dark_orange3"}

SubmissionFile = Annotated[
    Path, typer.Argument(metavar="SUBMISSION", help="A CSV file; - for standard input.")
]

GRADE_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym grade titanic submission.csv
  mle-gym grade titanic submission.csv --json | jq .score
  mle-gym grade titanic submission.csv --answers my_answers.csv
  mle-gym grade spooky-author-identification submission.csv --parity --format mle-bench

[dim]Exit code 1: the submission is invalid.[/dim]"""

VALIDATE_EXAMPLES = """\b
[bold]Example[/bold]
  mle-gym validate titanic submission.csv

[dim]Exit code 1: the submission is invalid.[/dim]"""


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Submissions"
    app.command(rich_help_panel=panel, epilog=GRADE_EXAMPLES)(grade)
    app.command(rich_help_panel=panel, epilog=VALIDATE_EXAMPLES)(validate)


def grade(
    task: TaskName,
    submission: SubmissionFile,
    answers: Annotated[
        Path | None, typer.Option(help="Grade against this file instead of the task's answers.")
    ] = None,
    variant: Variant = 0,
    parity: Annotated[
        bool, typer.Option("--parity", help="Grade as MLE-bench does, quirks included.")
    ] = False,
    score_ci: Annotated[
        bool, typer.Option("--score-ci", help="Also an interval of the score over resampled rows.")
    ] = False,
    form: Annotated[
        str | None, typer.Option("--format", metavar="mle-bench", help="Print MLE-bench's report.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Grade a submission, without a sandbox and without an episode."""
    from mle_gym.grading.open_grader import load_grader

    if score_ci and (parity or form):
        raise Unusable("--score-ci: only for strict grading in our own format")
    if form not in (None, "mle-bench"):
        raise Unusable(f"--format: expected mle-bench, found {form!r}")
    spec = find_task(task)
    if answers is not None and not answers.is_file():
        raise Unusable(f"--answers: there is no file at {answers}")
    if form:
        grader = load_grader(spec, answers, variant=variant, parity=parity)
        valid = _print_report(spec, grader, submission)
        raise typer.Exit(ExitCode.OK if valid else ExitCode.NOT_OK)
    content = read_file(submission, spec.submission.max_bytes)
    grader = load_grader(spec, answers, variant=variant, parity=parity, score_ci=score_ci)
    result = grader.grade(content).to_dict()
    if as_json:
        emit(result)
    else:
        out().print(grade_panel(result))
    raise typer.Exit(ExitCode.OK if result["valid"] else ExitCode.NOT_OK)


def _print_report(spec: TaskSpec, grader: SubmissionGrader, submission: Path) -> bool:
    from mle_gym.integrations.mle_bench.report import competition_report
    from mle_gym.integrations.mle_bench.submissions import grade_path

    result = grade_path(spec, grader, submission)
    emit(competition_report(spec, result, submission))
    return result.valid


def validate(
    task: TaskName, submission: SubmissionFile, variant: Variant = 0, as_json: AsJson = False
) -> None:
    """Check the format of a submission without scoring it."""
    from mle_gym.datasets.dataset import DatasetOptions
    from mle_gym.datasets.prepare import prepare
    from mle_gym.grading.open_grader import open_grader

    spec = find_task(task)
    content = read_file(submission, spec.submission.max_bytes)
    verdict = open_grader(prepare(spec, DatasetOptions(variant))).validate(content)
    if as_json:
        emit(verdict.to_dict())
    elif verdict.valid:
        out().print(Text.assemble(("valid ", "bold green"), f"for {spec.id}"))
    else:
        text = Text.assemble(("invalid ", "bold red"), f"({verdict.code}): {verdict.message}")
        out().print(text, soft_wrap=True)
    raise typer.Exit(ExitCode.OK if verdict.valid else ExitCode.NOT_OK)


def grade_panel(grade: dict[str, Any]) -> RenderableType:
    """A grade as people want to see it."""
    medal = grade["medal"]
    title = Text.assemble((grade["task"], "bold"))
    if medal:
        title.append(f"  {medal} medal", style=STYLES[medal])
    if not grade["valid"]:
        title.append("  invalid submission", style="bold red")
    table = Table.grid(padding=(0, 2))
    for name, value in _rows(grade).items():
        table.add_row(Text(name, style="dim"), value)
    if grade.get("grader", "strict") != "strict":  # older records lack it, and the next
        title.append(f"  {grade['grader']} grading", style="dim")
    return Panel(table, title=title, title_align="left", expand=False, padding=(0, 1))


def _rows(grade: dict[str, Any]) -> dict[str, Text]:
    if not grade["valid"]:
        return {grade["error_code"]: Text(grade["error_message"])}
    direction = "higher" if grade["higher_is_better"] else "lower"
    rows = {
        grade["metric"]: Text.assemble(
            (_number(grade["score"]), "bold"), f" ({direction} is better)"
        ),
        "normalized": Text(_number(grade["normalized"])),
        "public score": Text(_number(grade["public_score"])),
    }
    if grade.get("anchored") is not None:
        ends = f"{_number(grade['floor'])} is 0, {_number(grade['ceiling'])} is 1"
        rows["anchored"] = Text(f"{_number(grade['anchored'])} ({ends})")
    if grade.get("score_ci") is not None:
        low, high = map(_number, grade["score_ci"])
        rows["95% interval"] = Text(f"{low} to {high}, over resampled test rows")
    if grade["percentile"] is not None:
        board = grade.get("board") or "the leaderboard"
        rows["leaderboard"] = Text(f"better than {grade['percentile']:.0%} of {board}")
    if grade["thresholds"]:
        shown = [f"{name} {_number(value)}" for name, value in grade["thresholds"].items()]
        rows["thresholds"] = Text(", ".join(shown))
    return rows


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.5g}"
