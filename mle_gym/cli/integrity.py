"""``verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from mle_gym.cli.names import KeyFile, find_task, read_key
from mle_gym.cli.output import AsJson, ExitCode, emit, out

if TYPE_CHECKING:
    from mle_gym.verification import Verification

__all__ = ["add_to"]

STYLES = {
    "passed": "green",
    "failed": "bold red",
    "undecided": "yellow",
    "confirmed": "bold green",
    "refuted": "bold red",
}
EXIT_CODES = {
    "confirmed": ExitCode.OK,
    "undecided": ExitCode.ENVIRONMENT,
    "refuted": ExitCode.NOT_OK,
}

VERIFY_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym verify runs/titanic-solution.jsonl
  mle-gym verify runs/*.jsonl --json | jq '.[].verdict'
  mle-gym verify coins.jsonl --task ./coins --key-file secret.key

[dim]Exit code 0: every record is whole and its score came out again; 1: something is
wrong; 3: nothing is wrong, but not everything could be decided here (a task that is
unknown or has changed, other versions of libraries, an old format, a missing key).[/dim]"""


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command(rich_help_panel="Episodes", epilog=VERIFY_EXAMPLES)(verify)


def verify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Trajectories (JSONL).")],
    task: Annotated[
        str | None,
        typer.Option(help="Name or folder of their task, where it is not known by its id."),
    ] = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Check that recorded results are whole and true: the hash chain, and the score once more.

    A hash chain shows damage and edits, but not a forger who computes it anew: for that, publish
    the head that is printed here, or sign with --key-file.
    """
    from mle_gym.verification import verify_trajectory

    folder = None if task is None else find_task(task).folder
    key = read_key(key_file)
    results = []
    for file in files:
        results.append(verify_trajectory(file, task=folder, key=key))
        if not as_json:
            _print(results[-1])
    if as_json:
        emit([result.to_dict() for result in results])
    verdicts = {result.verdict for result in results}
    worst = next(each for each in ("refuted", "undecided", "confirmed") if each in verdicts)
    raise typer.Exit(EXIT_CODES[worst])


def _print(result: Verification) -> None:
    """One file's findings, and the verdict."""
    verdict = Text.assemble((result.verdict, STYLES[result.verdict]), f"  {result.path}")
    out().print(verdict, soft_wrap=True)
    for finding in result.findings:
        status = (f"  {finding.status:<10}", STYLES[finding.status])
        out().print(Text.assemble(status, f"{finding.check:<11}{finding.detail}"), soft_wrap=True)
    if result.head:
        out().print(Text.assemble(("  head      ", "dim"), result.head), soft_wrap=True)
