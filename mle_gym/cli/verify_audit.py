"""``verify`` and ``audit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

import mle_gym
from mle_gym.cli.command_line import KeyFile, find_task, read_key, trajectory_files
from mle_gym.cli.console import AsJson, ExitCode, MissingExtra, UsageError, emit, out

if TYPE_CHECKING:
    from mle_gym.trajectories.audit import Audit
    from mle_gym.trajectories.verify.run_verification import Verification

__all__ = ["commands"]

STYLES = {
    "passed": "green",
    "failed": "bold red",
    "undecided": "yellow",
    "confirmed": "bold green",
    "refuted": "bold red",
    "violation": "bold red",
    "suspicious": "yellow",
    "note": "cyan",
}
EXIT_CODES = {
    "confirmed": ExitCode.OK,
    "undecided": ExitCode.ENVIRONMENT,
    "refuted": ExitCode.NOT_OK,
}

VERIFY_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym verify runs/titanic-solution.jsonl
  mle-gym verify runs/first --json | jq '.[].verdict'
  mle-gym verify coins.jsonl --task ./coins --key-file secret.key

[dim]Exit code 0: every record is complete and its score was reproduced; 1: something is
wrong; 3: nothing is wrong, but not everything could be decided here (a task that is
unknown or has changed, other versions of libraries, an old format, a missing key).[/dim]"""

AUDIT_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym audit runs/titanic-solution.jsonl
  mle-gym audit runs/first --json | jq '.[] | [.worst, .path]'
  mle-gym audit episode.jsonl --references ./notebooks --threshold 0.6

[dim]Exit code 0: no rule matched, or only notes did; 1: a violation, something suspicious,
or a program that resembles a reference. Attempts count, whether or not the sandbox let
them succeed. If no rule matched, that proves nothing.[/dim]"""


commands = typer.Typer()


@commands.command(epilog=VERIFY_EXAMPLES)
def verify(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="Trajectories (JSONL), or folders of them."),
    ],
    task: Annotated[
        str | None,
        typer.Option(help="Name or folder of their task, if it is not known here by its id."),
    ] = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Check that recorded results are complete and true: the hash chain and, again, the score.

    A hash chain shows damage and edits, but not a forger who computes the chain again. Against
    that, publish the head that is printed here, or sign with --key-file.
    """
    folder = None if task is None else find_task(task).folder
    key = read_key(key_file)
    results = []
    for file in trajectory_files(files):
        results.append(mle_gym.verify_trajectory(file, task=folder, key=key))
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
        status = (f"  {finding.severity:<10}", STYLES[finding.severity])
        out().print(Text.assemble(status, f"{finding.check:<11}{finding.detail}"), soft_wrap=True)
    if result.head:
        out().print(Text.assemble(("  head      ", "dim"), result.head), soft_wrap=True)


@commands.command(epilog=AUDIT_EXAMPLES)
def audit(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="Trajectories (JSONL), or folders of them."),
    ],
    references: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder of notebooks and scripts to compare the agent's programs with.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of a program that must also appear in a reference; default 0.5.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for broken rules in what agents did: labels by hand, data or solutions from elsewhere.

    Only the record is read, and nothing in it is run; `verify` says whether the record is true.
    """
    chosen = {} if threshold is None else {"threshold": threshold}
    results = []
    for file in trajectory_files(files):
        try:
            results.append(mle_gym.audit_trajectory(file, references=references, **chosen))
        except ModuleNotFoundError as error:
            raise MissingExtra(str(error)) from error
        except ValueError as error:
            raise UsageError(str(error)) from error
        if not as_json:
            _print_audit(results[-1])
    if as_json:
        emit([result.to_dict() for result in results])
    bad = any(result.worst in ("violation", "suspicious") for result in results)
    raise typer.Exit(ExitCode.NOT_OK if bad else ExitCode.OK)


def _print_audit(result: Audit) -> None:
    """One file's findings, and what was not searched."""
    word = result.worst or "no rule matched"
    title = Text.assemble((word, STYLES.get(word, "")), f"  {result.path}")
    out().print(title, soft_wrap=True)
    for finding in result.findings:
        where = f"step {finding.step:<4} {finding.check:<18} "
        severity = (f"  {finding.severity:<11}", STYLES[finding.severity])
        out().print(Text.assemble(severity, where, finding.detail), soft_wrap=True)
        out().print(Text(f"    {finding.meaning}", style="dim"), soft_wrap=True)
    for similar in result.similarities or ():
        where = f"step {similar.step:<4} {'similar':<18} {similar.path or 'a program'}"
        much = f"{where}: {similar.share:.0%} of it also appears in {similar.reference}"
        out().print(Text.assemble(("  suspicious ", STYLES["suspicious"]), much), soft_wrap=True)
        for fragment in similar.fragments:
            out().print(Text(f"    {fragment}", style="dim"), soft_wrap=True)
    if result.unread:
        rest = f"  {result.unread} of {result.actions} actions are not text and were not searched"
        out().print(Text(rest, style="dim"), soft_wrap=True)
