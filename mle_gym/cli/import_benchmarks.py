"""``import``: makes tasks from other benchmarks' competitions."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mle_gym.cli.console import AsJson, UsageError, emit, err, new_table, out, warn
from mle_gym.integrations.importing.task_writer import Imported
from mle_gym.integrations.mle_bench.checkout import import_mle_bench
from mle_gym.integrations.mle_dojo import import_mle_dojo

__all__ = ["commands"]

EXAMPLES = """\b
[bold]Examples[/bold]
  git clone https://github.com/openai/mle-bench
  mle-gym import mle-bench mle-bench --python mle-bench/.venv/bin/python
  mle-gym prepare mlebench-spaceship-titanic --from DIR

The checkout stays where it is, and its code runs in a separate process. Tasks are written to
MLE_GYM_TASKS (by default in your data folder), where every later command finds them."""

MOST_NAMED = 12
"""With more, a note says how many tasks it is about; ``--json`` has the notes of each."""

Checkout = Annotated[Path, typer.Argument(metavar="PATH", help="A checkout.")]
Python = Annotated[
    str | None,
    typer.Option(metavar="PYTHON", help="A Python with the packages that its code needs."),
]


commands = typer.Typer()
group = typer.Typer(no_args_is_help=True, help="Make tasks from another benchmark's competitions.")
commands.add_typer(group, name="import")


@group.command("mle-bench", epilog=EXAMPLES)
def mle_bench(path: Checkout, python: Python = None, as_json: AsJson = False) -> None:
    """Import every competition of an MLE-bench checkout."""
    _run(import_mle_bench, path, python, as_json)


@group.command("mle-dojo")
def mle_dojo(path: Checkout, python: Python = None, as_json: AsJson = False) -> None:
    """Import every competition of an MLE-Dojo checkout."""
    _run(import_mle_dojo, path, python, as_json)


def _run(
    function: Callable[[Path, str], tuple[list[Imported], list[str]]],
    path: Path,
    python: str | None,
    as_json: bool,
) -> None:
    program = "" if python is None else shutil.which(python)
    if program is None:
        raise UsageError(f"--python: expected a program, found {python!r}")
    with err().status(f"importing {path}"):
        imported, problems = function(path, str(Path(program).absolute()) if program else "")
    for problem in problems:
        warn(f"not imported: {problem}")
    if as_json:
        emit([vars(entry) for entry in imported])
        return
    table = new_table("task", "competition")
    for entry in imported:
        table.add_row(Text(entry.task_id, style="bold"), Text(entry.competition))
    out().print(table)
    for line in _notes(imported):
        err().print(line, markup=False, soft_wrap=True)
    err().print(f"{len(imported)} tasks in {Path(imported[0].folder).parent}", soft_wrap=True)


def _notes(imported: list[Imported]) -> list[str]:
    """A line for each note, with the tasks that it is about: most notes are about all of them."""
    about: dict[str, list[str]] = {}
    for entry in imported:
        for note in entry.notes:
            about.setdefault(note, []).append(entry.task_id)
    return [f"{_named(tasks, len(imported))}: {note}" for note, tasks in about.items()]


def _named(tasks: list[str], of: int) -> str:
    if len(tasks) == of > 1:
        return f"all {of}"
    return ", ".join(tasks) if len(tasks) <= MOST_NAMED else f"{len(tasks)} of {of}"
