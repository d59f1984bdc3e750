"""``report`` and ``view``."""

from __future__ import annotations

import contextlib
import errno
import threading
from pathlib import Path
from typing import Annotated

import typer

from mle_gym.cli.console import AsJson, UsageError, emit, err, out
from mle_gym.cli.live_status import counting_bar
from mle_gym.report.sources import open_source
from mle_gym.report.view_server import ViewServer
from mle_gym.report.write_report import MOST_MB, Report, write_report

__all__ = ["commands"]

REPORT_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym report runs/first                   writes runs/first/report.html
  mle-gym report runs/first --out first.html --most-mb 100
  mle-gym report runs/monday --beside runs/tuesday --out both.html
  mle-gym report runs                         the records of `mle-gym run`
  mle-gym report runs/search                  a search, with its tree

[dim]The file needs no network and runs nothing that an agent wrote. Steps of episodes that it has
no room for are left out, and it says so.[/dim]"""

VIEW_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym view runs                    every run below runs, live
  mle-gym view runs/first --port 8080

[dim]Only this machine can connect. From elsewhere: ssh -L 8900:127.0.0.1:8900 HOST, and then
http://127.0.0.1:8900/ there. Other users of this machine can read what is shown.[/dim]"""

commands = typer.Typer()


@commands.command("report", epilog=REPORT_EXAMPLES)
def report_command(
    folder: Annotated[
        Path, typer.Argument(help="The folder of an evaluation, of a search, or of trajectories.")
    ],
    file: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file; default: report.html in the folder."),
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Another evaluation: both side by side, on what both planned."
        ),
    ] = None,
    most_mb: Annotated[
        float, typer.Option(min=0, help="Room for the steps of episodes, in MB.")
    ] = MOST_MB,
    as_json: AsJson = False,
) -> None:
    """Write a run as one HTML file: leaderboard, tasks, comparisons, and every episode's steps."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected a folder, such as --out of `mle-gym eval`")
    name = "report.html" if beside is None else f"report-beside-{beside.resolve().name}.html"
    path = file or folder / name
    source = open_source(folder, beside)
    with counting_bar(err(), "reading episodes") as move:
        report = write_report(source, path, most_mb=most_mb, on_progress=move)
    if as_json:
        emit(vars(report) | {"path": str(report.path)})
    else:
        out().print(_line(report), soft_wrap=True)


@commands.command("view", epilog=VIEW_EXAMPLES)
def view_command(
    folder: Annotated[Path, typer.Argument(help="A folder with runs, or a run.")] = Path("runs"),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of 127.0.0.1; 0 for any that is free.")
    ] = 8900,
) -> None:
    """Serve a folder of runs to a browser on this machine, live while they grow.

    Ctrl-C ends it.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: expected a folder with runs")
    try:
        server = ViewServer(folder, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise UsageError(f"port {port} is taken; --port 0 takes any that is free") from error
    with server:
        out().print(f"{folder} is shown at {server.url}  (Ctrl-C ends it)", soft_wrap=True)
        threading.Thread(target=server.runs.prepare, daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def _line(report: Report) -> str:
    """What was written, for people."""
    episodes = f"{report.episodes:,} episode{'s' if report.episodes != 1 else ''}"
    left_out = f", {report.left_out:,} without their steps (--most-mb)" if report.left_out else ""
    return f"{report.path}: {report.bytes / 1e6:.1f} MB, {episodes}{left_out}"
