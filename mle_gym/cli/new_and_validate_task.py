"""``new-task`` and ``validate-task``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from mle_gym.authoring.check import Check
from mle_gym.authoring.from_csv import task_from_csv
from mle_gym.authoring.new_task import new_task as scaffold
from mle_gym.authoring.validate_task import validate_task as validate
from mle_gym.cli.command_line import assignments, data_size
from mle_gym.cli.console import AsJson, ExitCode, UsageError, emit, err, out
from mle_gym.cli.family_verdict import MARKS, judge_family
from mle_gym.datasets.dataset import SIZES, Size
from mle_gym.tasks.catalog import load_task, task_folders

__all__ = ["commands"]

NEW_EXAMPLES = """\b
[bold]Example[/bold]
  mle-gym new-task my-task
  mle-gym new-task houses --from-csv downloads/houses --metric rmsle
  mle-gym validate-task my-task
  mle-gym run ./my-task --agent solution"""

VALIDATE_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym validate-task ./my-task
  mle-gym validate-task ./my-task --fix           writes what it lacks
  mle-gym validate-task titanic --no-programs     quicker: runs no programs
  mle-gym validate-task ./my-family --variants 64 is it worth training on?

[dim]Exit code 1: a check failed, or the folder can't be read as a task.[/dim]"""

SIZE_HELP = "With --variants: how much data they have; by default micro."

commands = typer.Typer()


@commands.command("new-task", epilog=NEW_EXAMPLES)
def new_task(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The new folder, whose name is the id.")
    ],
    title: Annotated[str | None, typer.Option(help="Title; by default made from the name.")] = None,
    from_csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A folder with train.csv, test.csv and sample_submission.csv to make it from.",
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="How it is graded; with --from-csv.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter of the metric.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The column to predict, if it isn't obvious."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a task with generated data, ready to run and to change, or one from your CSV files."""
    if from_csv is None and (metric or param or target):
        raise UsageError("--metric, --param and --target require --from-csv")
    if from_csv is None:
        files = scaffold(folder, title)
    elif metric is None:
        raise UsageError("--from-csv requires a --metric")
    else:
        params = assignments(param or [], "--param")
        files = task_from_csv(folder, from_csv, metric, params=params, target=target, title=title)
    if as_json:
        emit({"folder": str(folder), "files": [str(file) for file in files]})
        return
    for file in files:
        out().print(Text(str(file)), soft_wrap=True)
    source = "generate.py" if from_csv is None else "description.md"
    err().print(
        f"Next: mle-gym validate-task {folder}, then edit {folder}/{source} and the rest.",
        style="dim",
    )


@commands.command("validate-task", epilog=VALIDATE_EXAMPLES)
def validate_task(
    task: Annotated[str, typer.Argument(metavar="DIR|NAME", help="A task folder, or a name.")],
    programs: Annotated[
        bool, typer.Option(help="Run baseline.py and solution.py in a sandbox.")
    ] = True,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Draw the key and the canonical split if they are missing."),
    ] = False,
    variants: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="N",
            help="Judge a family by what the programs in its programs.toml reach on N variants; "
            "64 give a verdict. What was played is kept, so that a rerun plays only what is new.",
        ),
    ] = None,
    size: Annotated[
        Size | None, typer.Option(parser=data_size, metavar="|".join(SIZES), help=SIZE_HELP)
    ] = None,
    difficulty: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="With --variants; by default 0.5.")
    ] = None,
    training: Annotated[
        bool, typer.Option("--train", help="With --variants: play training variants.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="With --variants: episodes at a time; by default one a processor."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that a task is sound: no leaks, working programs, scores where they should be."""
    folder = _folder(task)
    if variants is not None:
        if not programs or fix:
            raise UsageError("--variants goes with neither --fix nor --no-programs")
        judge_family(
            load_task(folder),
            variants,
            size=size or "micro",
            difficulty=0.5 if difficulty is None else difficulty,
            training=training,
            workers=workers,
            as_json=as_json,
        )
    if training or (size, difficulty, workers) != (None, None, None):
        raise UsageError("--size, --difficulty, --train and --workers require --variants")
    with err().status("checking"):
        checks = validate(folder, fix=fix, run_programs=programs)
    if as_json:
        emit([check._asdict() for check in checks])
    else:
        out().print(_table(checks))
    passed = all(check.passed for check in checks)
    raise typer.Exit(ExitCode.OK if passed else ExitCode.NOT_OK)


def _table(checks: list[Check]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for check in checks:
        mark, style = MARKS[check.passed]
        detail = Text(check.detail, style="dim" if check.passed else "")
        table.add_row(Text(mark, style=style), Text(check.name), detail)
    return table


def _folder(task: str) -> Path:
    """The task's folder; a broken one is still found."""
    if (Path(task) / "task.toml").is_file():
        return Path(task).absolute()
    folders = task_folders()
    return folders[task] if task in folders else load_task(task).folder
