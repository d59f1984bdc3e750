"""The command line: ``mle-gym``.

:mod:`mle_gym.cli.app` has the table of commands. A command's module is imported when the command
is called, so ``mle-gym --help`` doesn't wait for pandas.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from mle_gym.clean_console import drop

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code (see :class:`mle_gym.cli.console.ExitCode`).

    Args:
        arguments: Words of the command line; None for ``sys.argv``.
    """
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # some encodings lack our dashes and ellipses
            stream.reconfigure(errors="replace")
    try:
        from mle_gym.cli.app import app  # rich and typer: Ctrl-C may come while they are imported

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
    """Write what is still buffered; if the reader is gone (``| head``), drop it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            drop(stream)
