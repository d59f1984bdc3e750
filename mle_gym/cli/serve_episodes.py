"""``serve``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mle_gym.cli.command_line import integration
from mle_gym.cli.console import as_usage_errors, out
from mle_gym.cli.environment_options import (
    EnvironmentArguments,
    environment_arguments,
    listed_arguments,
)

__all__ = ["commands"]

SERVE_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym serve                                  every task, for this machine
  mle-gym serve titanic wine --sessions 16 --env 'limits={"cpus": 2}'
  MLE_GYM_TOKEN=… mle-gym serve --host 0.0.0.0   for others with the variable

  gymnasium.make("mle/titanic-v0", remote="http://127.0.0.1:8765")

[dim]/health says that it lives, /metrics is for Prometheus, and OpenEnv's clients play on /ws.
Clients choose the instance, the reward and the budget; everything else is decided here.[/dim]"""

commands = typer.Typer()


@commands.command("serve", epilog=listed_arguments() + SERVE_EXAMPLES)
def serve_command(
    tasks: Annotated[
        list[str] | None, typer.Argument(help="Tasks that may be played; by default all.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on. Others than this machine's need a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8765,
    sessions: Annotated[int, typer.Option(min=1, help="The most episodes at the same time.")] = 64,
    idle: Annotated[
        float,
        typer.Option(min=1, help="Seconds after which a silent client loses its session."),
    ] = 600.0,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Record each episode in this folder.")
    ] = None,
    env: EnvironmentArguments = None,
) -> None:
    """Serve episodes to trainers and agents elsewhere, in OpenEnv's protocol.

    Ctrl-C ends it, and every episode. The token that clients must send is MLE_GYM_TOKEN.
    """
    openenv = integration("openenv")
    token = os.environ.get("MLE_GYM_TOKEN") or None
    arguments = environment_arguments("0", "auto", "score", env)
    with as_usage_errors():
        service = openenv.EpisodeService(tuple(tasks or ()), arguments, sessions, idle, folder)
        offered = ", ".join(service.tasks) or "every task"
        guarded = "with a token" if token else "without a token (MLE_GYM_TOKEN)"
        out().print(
            f"{offered} on http://{host}:{port}, {sessions} sessions, {guarded}  (Ctrl-C ends it)",
            soft_wrap=True,
        )
        openenv.serve(service, host=host, port=port, token=token)
