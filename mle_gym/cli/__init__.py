"""The command line: ``mle-gym``.

Every module of this package is one group of commands. They import what they need when they run,
so that ``mle-gym --help`` does not wait for pandas.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code (see :class:`mle_gym.cli.output.ExitCode`).

    Args:
        arguments: Words of the command line; None for ``sys.argv``.
    """
    try:
        from mle_gym.cli.app import app

        app(arguments, prog_name="mle-gym")
    except KeyboardInterrupt:  # before or after a command; inside one it is reported there
        sys.exit(130)
