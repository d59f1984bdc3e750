"""``leaderboard``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from mle_gym.cli.command_line import KeyFile, read_key
from mle_gym.cli.console import AsJson, ExitCode, UsageError, emit, err, new_table, out
from mle_gym.cli.live_status import counting_bar
from mle_gym.cli.print_table import print_table
from mle_gym.report.verified_board import BoardRow, Judged, VerifiedBoard
from mle_gym.report.write_report import MOST_MB, write_report

__all__ = ["commands"]

EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym leaderboard board                   writes board/leaderboard.html
  mle-gym leaderboard board --json | jq '.refused'

[dim]To add to it, put records (*.jsonl) into the folder, such as board/your-name/, and run it
again. A record counts once its score is reproduced here, if it was played on the task's own terms
and no rule was broken. Exit code 1: no record counts.[/dim]"""

commands = typer.Typer()


@commands.command("leaderboard", epilog=EXAMPLES)
def leaderboard_command(
    folder: Annotated[
        Path, typer.Argument(help="A folder with records (*.jsonl), in folders of any depth.")
    ],
    file: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The page; default: leaderboard.html in the folder."),
    ] = None,
    most_mb: Annotated[
        float, typer.Option(min=0, help="Room for the steps of episodes, in MB.")
    ] = MOST_MB,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Verify a folder of records that anybody may add to, and rank what counts.

    Every record is graded again from the predictions in it, and audited. What doesn't count is
    listed with the reason.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected a folder with records (*.jsonl)")
    path = file or folder / "leaderboard.html"
    board = _judged(folder, read_key(key_file))
    if not board.judged:
        raise UsageError(f"{folder}: expected records (*.jsonl) in this folder, found none")
    write_report(board, path, most_mb=most_mb)
    counted = [each for each in board.judged if not each.reason]
    refused = [each for each in board.judged if each.reason]
    if as_json:
        rows = [asdict(row) for row in board.rows]
        why = [{"path": each.path, "reason": each.reason} for each in refused]
        emit({"path": str(path), "records": len(counted), "rows": rows, "refused": why})
    else:
        _print(board.rows, refused)
        err().print(f"{len(counted)} of {len(board.judged)} records count; the page is {path}")
    raise typer.Exit(ExitCode.OK if counted else ExitCode.NOT_OK)


def _judged(folder: Path, key: bytes | None) -> VerifiedBoard:
    """The board, after all its records were verified, which takes a while."""
    with counting_bar(err(), "verifying") as move:
        board = VerifiedBoard(folder, key, move)
        _ = board.judged
    return board


def _print(rows: tuple[BoardRow, ...], refused: list[Judged]) -> None:
    if rows:
        print_table(_table(rows))
    for each in refused:
        out().print(Text.assemble(("not counted  ", "yellow"), f"{each.path}: {each.reason}"))


def _table(rows: tuple[BoardRow, ...]) -> Table:
    numbers = ("#", "anchored", "best score", "records", "valid")
    columns = ("task", "#", "agent", *numbers[1:], "medals", "suspicious")
    table = new_table(*columns, right=numbers)
    last, place = "", 0
    for row in rows:
        place = place + 1 if row.task == last else 1
        table.add_row(
            "" if row.task == last else row.task.removeprefix("mle/"),
            str(place),
            row.agent,
            "-" if row.anchored is None else f"{row.anchored:.3f}",
            "-" if row.best is None else f"{row.best:.5g} {row.metric}",
            str(row.records),
            str(row.valid),
            ", ".join(f"{number} {medal}" for medal, number in sorted(row.medals.items())) or "-",
            str(row.suspicious or "-"),
        )
        last = row.task
    return table
