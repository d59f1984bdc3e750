"""``grading-server``."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from mle_gym.cli.command_line import TaskName, find_task
from mle_gym.cli.console import UsageError, out
from mle_gym.grading.open_grader import load_grader
from mle_gym.integrations.mle_bench.grading_server import GradingServer

__all__ = ["commands"]

EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym grading-server titanic
  mle-gym grading-server mlebench-spaceship-titanic --parity --host 172.17.0.1
  curl -F file=@submission.csv http://localhost:5000/validate

[dim]POST /validate and GET /health answer as in MLE-bench's containers. Whoever reaches the address
may ask, and learns whether a file is valid: never a score.[/dim]"""

commands = typer.Typer()


@commands.command("grading-server", epilog=EXAMPLES)
def grading_server(
    task: TaskName,
    host: Annotated[
        str, typer.Option(help="The address to listen on: Docker's bridge is often 172.17.0.1.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 5000,
    parity: Annotated[
        bool, typer.Option("--parity", help="Accept what MLE-bench's grader accepts.")
    ] = False,
) -> None:
    """Tell agents in other containers over HTTP whether a submission is valid, as MLE-bench does.

    Ctrl-C ends it.
    """
    spec = find_task(task)
    if spec.submission.code is not None or spec.submission.kind == "files":
        raise UsageError(f"{spec.id}: expected a task whose submission is one file")
    grader = load_grader(spec, parity=parity)
    try:
        server = GradingServer(grader, spec.submission.max_bytes, host, port)
    except OSError as error:
        raise UsageError(f"--host {host} --port {port}: {error.strerror}") from error
    with server:
        place = f"http://{host}:{server.server_port}"
        out().print(f"{spec.id} is checked at {place}/validate  (Ctrl-C ends it)", soft_wrap=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
