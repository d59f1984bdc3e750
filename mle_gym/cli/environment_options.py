"""The options that set an environment's arguments, such as ``--env max_steps=5``."""

from __future__ import annotations

import textwrap
from typing import Annotated, Any

import typer
from rich.markup import escape

from mle_gym.cli.command_line import name_and_word
from mle_gym.cli.console import UsageError
from mle_gym.episode.arguments import ARGUMENTS, check_name
from mle_gym.episode.variants import parse_variant

__all__ = [
    "EnvironmentArguments",
    "EpisodeVariant",
    "RewardName",
    "SandboxName",
    "environment_arguments",
    "listed_arguments",
]


def _help(name: str) -> str:
    """What an argument of the environment means, and which values it may have."""
    argument = ARGUMENTS[name]
    return f"{argument.meaning.capitalize()}: {argument.kind.expected}."


EpisodeVariant = Annotated[
    str, typer.Option(metavar="N|train|heldout|random|RANGE", help=_help("variant"))
]
SandboxName = Annotated[
    str, typer.Option(metavar="auto|bubblewrap|docker|subprocess", help=_help("sandbox"))
]
RewardName = Annotated[str, typer.Option(metavar="NAME|MODULE:FUNCTION", help=_help("reward"))]
EnvironmentArguments = Annotated[
    list[str] | None,
    typer.Option(
        "--env", metavar="NAME=VALUE", help="Any other argument (listed below); repeatable."
    ),
]

HELP_COLUMNS = 78
"""What fits into a terminal of 80 columns, whose help has a margin."""
WITH_OPTIONS = ("variant", "sandbox", "reward")
"""Arguments of the environment that have an option of their own."""


def listed_arguments() -> str:
    """The part of a command's help that lists what ``--env`` sets, with defaults and meanings."""
    lines = [
        line
        for name, argument in ARGUMENTS.items()
        if name not in WITH_OPTIONS
        for line in textwrap.wrap(
            f"  {name:15} {argument.shown_default:12} {argument.meaning}".replace("`", ""),
            HELP_COLUMNS,
            subsequent_indent=" " * 31,
            drop_whitespace=False,
        )
    ]
    heading = "\b\n[bold]Arguments for --env, with their defaults[/bold]\n"
    return heading + "\n".join(map(escape, lines)) + "\n\n"


def environment_arguments(
    variant: str, sandbox: str, reward: str, env: list[str] | None
) -> dict[str, Any]:
    """Arguments for ``gymnasium.make``.

    Raises:
        UsageError: No argument has that name, or it can't have that value.
    """
    try:
        chosen = parse_variant(variant)
    except ValueError as error:
        raise UsageError(f"--variant: {error}") from None
    given: dict[str, Any] = {"variant": chosen, "sandbox": sandbox, "reward": reward}
    for name, word in name_and_word(env or [], "--env"):
        try:
            check_name(name)
            given[name] = ARGUMENTS[name].parse(word)
            ARGUMENTS[name].check(name, given[name])
        except (TypeError, ValueError) as error:
            raise UsageError(f"--env: {error}") from None
    return given
