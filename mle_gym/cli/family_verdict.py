"""Judges a family for ``validate-task --variants``, and shows the verdict."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import NoReturn

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from mle_gym.authoring.family_gate import Criterion, GateReport, validate_family
from mle_gym.authoring.play_programs import Play
from mle_gym.cli.console import ExitCode, emit, err, new_table, out
from mle_gym.cli.print_table import print_table
from mle_gym.datasets.dataset import Size
from mle_gym.tasks.spec import TaskSpec

__all__ = ["MARKS", "judge_family"]

MARKS = {True: ("✓", "bold green"), False: ("✗", "bold red"), None: ("-", "dim")}
"""What stands before a check that passed, failed, or could not be made, and its style."""


def judge_family(
    task: TaskSpec,
    variants: int,
    *,
    size: Size,
    difficulty: float,
    training: bool,
    workers: int | None,
    as_json: bool,
) -> NoReturn:
    """Play the family's programs, and end with exit code 1 if it is refused."""
    with _progress(task.id) as advance:
        report = validate_family(
            task,
            variants,
            size=size,
            difficulty=difficulty,
            training=training,
            workers=workers or len(os.sched_getaffinity(0)),
            on_played=advance,
        )
    if as_json:
        emit(report.to_dict())
    else:
        _show(report)
    raise typer.Exit(ExitCode.NOT_OK if report.refused else ExitCode.OK)


@contextlib.contextmanager
def _progress(name: str) -> Iterator[Callable[[Play, int], None]]:
    """A bar that the function moves on, given what was played and how many are left."""
    text = TextColumn("playing {task.description}")
    bar = Progress(text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err())
    shown, total = bar.add_task(name, total=None), 0

    def advance(play: Play, left: int) -> None:
        nonlocal total
        total = max(total, left)  # only what isn't cached is played, as the first call shows
        bar.update(shown, total=total, completed=total - left, description=play.program)

    with bar:
        yield advance


def _show(report: GateReport) -> None:
    table = new_table("", "a family must show", "found", "limit", "", title=_title(report))
    for each in report.criteria:
        mark, style = MARKS[each.passed]
        row = (Text(mark, style=style), each.name, _figure(each), each.limit)
        table.add_row(*row, Text(each.detail, style="dim"))
    print_table(table)
    out().print(_verdict(report), soft_wrap=True)


def _title(report: GateReport) -> str:
    return (
        f"{report.task}: {report.variants} variants ({report.size}, difficulty "
        f"{report.difficulty:g}), {report.combinations} combinations of structures, "
        f"{report.programs or report.patches} {'programs' if report.programs else 'patches'}"
    )


def _figure(criterion: Criterion) -> str:
    return "-" if criterion.figure is None else f"{criterion.figure:.3g}"


def _verdict(report: GateReport) -> Text:
    if report.refused:
        names = "; ".join(each.name for each in report.refused)
        return Text.assemble(("Refused", "bold red"), f": {names}.")
    if report.open:
        names = "; ".join(each.detail or each.name for each in report.open)
        return Text.assemble(("Sound, but not known to be learnable", "bold"), f": {names}.")
    return Text.assemble(
        ("Learnable", "bold green"), ": looking at the data pays, and it is found."
    )
