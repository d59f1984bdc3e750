"""The loop of the live interpreter: a cell comes in, the way in which it ended goes out."""

from __future__ import annotations

import os
import signal
import sys
from types import ModuleType
from typing import Any

from ..shared.light_imports import dumps, loads
from .execute_cell import CellRunner

LARGEST = 1 << 18
"""Bytes of the largest message; longer cells come as a file."""


def main() -> None:
    """Serve the runner at the other end of standard input until it hangs up."""
    signal.signal(signal.SIGINT, _ignore)
    line, own = _take_line(), os.getpid()
    names = _new_main()
    sys.path.insert(0, "")
    runner = CellRunner(names)
    os.write(line, dumps({"pid": own}).encode())
    while True:
        message = os.read(line, LARGEST)
        if not message:
            return
        number, source = _unpacked(message)
        exit_code = runner.run(source, f"<cell {number}>")
        if os.getpid() != own:
            os._exit(exit_code)  # a child that the cell forked is not the interpreter
        os.write(line, dumps({"cell": number, "exit_code": exit_code}).encode())


def _take_line() -> int:
    """Move the socket out of the way of programs; cells read nothing from standard input."""
    line = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.register_at_fork(after_in_child=lambda held=[line]: _hang_up(held))
    return line


def _hang_up(held: list[int]) -> None:
    """Close the socket in a child, once: in the child's own children its number may be a file's."""
    while held:
        os.close(held.pop())


def _unpacked(message: bytes) -> tuple[int, bytes]:
    """The number of a cell and its source."""
    header, _, source = message.partition(b"\n")
    order = loads(header)
    if order["file"]:
        with open(order["file"], "rb") as file:
            source = file.read()
    return order["cell"], source


def _new_main() -> dict[str, Any]:
    """A new module ``__main__`` for the cells, so that what they define can be pickled."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    names = vars(main)
    names["__builtins__"] = sys.modules["builtins"]
    return names


def _ignore(*_: object) -> None:
    """An interrupt that comes between two cells is too late."""
