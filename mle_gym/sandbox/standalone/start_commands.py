"""The commands that start the programs of this folder, and what has to be there for them.

For the host: what runs elsewhere imports this no more than anything else of the host's.
"""

from __future__ import annotations

import contextlib
import functools
import py_compile
import struct
from importlib.util import cache_from_source
from pathlib import Path

__all__ = ["FOLDER", "launcher_command", "parts_of", "runner_command", "zygote_command"]

FOLDER = Path(__file__).resolve().parent
"""On the host. Elsewhere the parts that a program takes are below another folder, by their names
here."""

_WORD = 0xFFFFFFFF


def parts_of(*programs: str) -> tuple[str, ...]:
    """What of :data:`FOLDER` there has to be where these programs run, by its names in it."""
    return ("start.py", "shared", *programs)


def runner_command(python: str, folder: str) -> list[str]:
    """The command that runs the runner, to be followed by ``serve`` or ``call``.

    Args:
        python: An interpreter, as seen inside.
        folder: What has the runner's parts, as seen inside.
    """
    _compile_all()
    return [python, "-I", "-S", f"{folder}/start.py", "runner"]


def launcher_command(python: str) -> list[str]:
    """The command that runs the launcher, to be followed by the descriptor of its socket."""
    return [python, "-I", "-S", str(FOLDER / "start.py"), "launcher"]


def zygote_command(python: str, folder: str, arguments: list[str]) -> list[str]:
    """The command that runs a zygote, to be followed by the descriptor of its socket.

    Its interpreter starts as one that an agent's program would have: no option is set, and it
    looks for packages where that does.

    Args:
        python: An interpreter, as seen where the zygote will be.
        folder: What has the zygote's parts, as seen there.
        arguments: What its ``main`` takes.
    """
    _compile_all()
    return [python, f"{folder}/start.py", "zygote", *arguments]


@functools.cache
def _compile_all() -> None:
    """Compile it here once: inside it can't be written, and every sandbox would compile it again.

    Importing it would do, but not where ``PYTHONDONTWRITEBYTECODE`` is set, as in many images.
    """
    for part in parts_of("runner", "zygote"):
        for source in (FOLDER / part).glob("*.py"):
            compiled = Path(cache_from_source(str(source)))
            with contextlib.suppress(OSError):  # an installation of somebody else's
                status = source.stat()
                made_of = struct.pack("<II", int(status.st_mtime) & _WORD, status.st_size & _WORD)
                if not compiled.exists() or compiled.read_bytes()[8:16] != made_of:
                    py_compile.compile(str(source), str(compiled))
