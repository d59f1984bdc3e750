"""``mcp``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, cast

import typer

from mle_gym.cli.command_line import TaskName, find_task, integration
from mle_gym.cli.console import UsageError, as_usage_errors, err
from mle_gym.cli.environment_options import (
    EnvironmentArguments,
    EpisodeVariant,
    RewardName,
    SandboxName,
    environment_arguments,
    listed_arguments,
)
from mle_gym.episode.actions.schemas import ToolSet
from mle_gym.make_env import make

__all__ = ["commands"]

MCP_EXAMPLES = """\b
[bold]Examples[/bold]
  claude mcp add mle-gym -- mle-gym mcp titanic --out titanic.jsonl
  codex mcp add mle-gym -- mle-gym mcp titanic --tools openai

[dim]The client starts this command and talks with it over stdin and stdout. The episode, and its
clock, begin when the client first asks for the brief or calls a tool.[/dim]"""

commands = typer.Typer()


@commands.command("mcp", epilog=listed_arguments() + MCP_EXAMPLES)
def mcp_command(
    task: TaskName,
    tools: Annotated[
        str, typer.Option(help="The set of tools: claude, openai, bash or mle.")
    ] = "claude",
    file: Annotated[
        Path | None, typer.Option("--out", help="Record the episode in this new file.")
    ] = None,
    variant: EpisodeVariant = "0",
    reward: RewardName = "score",
    sandbox: SandboxName = "auto",
    env: EnvironmentArguments = None,
) -> None:
    """Let an MCP client, such as Claude Code or Codex CLI, play one episode of a task."""
    mcp = integration("mcp")
    if file is not None and file.exists():
        raise UsageError(f"{file} exists; name a new file")
    arguments = environment_arguments(variant, sandbox, reward, env)
    spec = find_task(task)
    with as_usage_errors():
        environment = make(str(spec.folder), **arguments)
        session = mcp.EpisodeSession(environment, file)
        server = mcp.make_server(session, cast("ToolSet", tools))
    with environment, contextlib.closing(session):
        server.run("stdio")
    if file is not None and file.exists():
        err().print(f"recorded in {file}", soft_wrap=True)
