"""The commands that start the programs of this folder, and the files that these need.

Only the host imports this module.
"""

from __future__ import annotations

import contextlib
import functools
import py_compile
import shlex
import struct
from importlib.util import cache_from_source
from pathlib import Path

__all__ = [
    "FOLDER",
    "SANDBOX_PARTS",
    "cells_command",
    "launcher_command",
    "parts_of",
    "runner_command",
    "zygote_command",
]

FOLDER = Path(__file__).resolve().parent
"""On the host. In a sandbox, the parts that a program needs lie below another folder, under the
same names."""

_WORD = 0xFFFFFFFF


def parts_of(*programs: str) -> tuple[str, ...]:
    """The entries of :data:`FOLDER` that must be there where these programs run."""
    return ("start.py", "shared", *programs)


SANDBOX_PARTS = parts_of("runner", "cells")
"""What every sandbox shows."""


def runner_command(python: str, folder: str) -> list[str]:
    """The command that runs the runner, to be followed by ``serve``, ``call`` or ``apply_patch``.

    Args:
        python: An interpreter, as seen inside.
        folder: The folder that holds the runner's parts, as seen inside.
    """
    _compile_all()
    return [python, "-I", "-S", f"{folder}/start.py", "runner"]


def cells_command(runner: list[str]) -> str:
    """The line of a shell that becomes the live interpreter: what `python` is in that shell.

    Args:
        runner: What :func:`runner_command` gave.
    """
    return f"exec python {shlex.quote(runner[3])} cells"


def launcher_command(python: str) -> list[str]:
    """The command that runs the launcher, to be followed by the descriptor of its socket."""
    return [python, "-I", "-S", str(FOLDER / "start.py"), "launcher"]


def zygote_command(python: str, folder: str, arguments: list[str]) -> list[str]:
    """The command that runs a zygote, to be followed by the descriptor of its socket.

    Its interpreter starts like the one of an agent's program: without options, and looking for
    packages in the same places.

    Args:
        python: An interpreter, as seen where the zygote will be.
        folder: The folder that holds the zygote's parts, as seen there.
        arguments: The first arguments of its ``main``.
    """
    _compile_all()
    return [python, f"{folder}/start.py", "zygote", *arguments]


@functools.cache
def _compile_all() -> None:
    """Compile the programs once, here: sandboxes can't write, and would compile them every time.

    Importing them would do the same, except where ``PYTHONDONTWRITEBYTECODE`` is set, as it is in
    many images.
    """
    for part in parts_of("runner", "cells", "zygote"):
        for source in (FOLDER / part).glob("*.py"):
            compiled = Path(cache_from_source(str(source)))
            with contextlib.suppress(OSError):  # somebody else's installation
                status = source.stat()
                made_of = struct.pack("<II", int(status.st_mtime) & _WORD, status.st_size & _WORD)
                if not compiled.exists() or compiled.read_bytes()[8:16] != made_of:
                    py_compile.compile(str(source), str(compiled))
