"""The command line: ``mle-gym``.

Every module of this package is one group of commands. They import what they need when they run,
so that ``mle-gym --help`` does not wait for pandas.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code (see :class:`mle_gym.cli.output.ExitCode`).

    Args:
        arguments: Words of the command line; None for ``sys.argv``.
    """
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # not every encoding has our dashes and ellipses
            stream.reconfigure(errors="replace")
    try:
        from mle_gym.cli.app import app

        app(arguments, prog_name="mle-gym")
    except KeyboardInterrupt:  # before or after a command; inside one it is reported there
        sys.exit(130)
    finally:
        _flush()


def _open_what_is_closed() -> None:
    """Give a command that was started without some of its streams (``>&-``) the null device."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # It gets the lowest free number, which is the stream's own, and keeps it.
            null = Path(os.devnull).open("w" if number else "r", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, null)


def _flush() -> None:
    """Write what is left to write; with its reader gone (``| head``) it is dropped."""
    from mle_gym.console import drop

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            drop(stream)
