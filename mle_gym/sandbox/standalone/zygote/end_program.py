"""What the interpreter does when a program is over: its exit code, and its modules taken apart."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import weakref
from typing import Any


def exit_code(error: SystemExit) -> int:
    """What the interpreter makes of a ``SystemExit``."""
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return ctypes.c_int(code).value
    if sys.stderr is not None:
        sys.stderr.write(str(code))
        sys.stderr.write("\n")
    return 1


class CleanUp:
    """Takes the program's own modules apart, as the interpreter does with all modules at its end.

    Destructors run, and their output is seen. The preloaded modules are left alone.
    """

    def __init__(self) -> None:
        self._preloaded = frozenset(sys.modules) - {"__main__"}
        self._last = sys.modules[next(reversed(sys.modules))]

    def __call__(self) -> None:
        """Take them apart; to be called once."""
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            if hasattr(sys, name):
                setattr(sys, name, None)
        left = []
        for name in self._names():
            with contextlib.suppress(TypeError):
                left.append(weakref.ref(sys.modules[name]))
            del sys.modules[name]
        gc.collect()
        for reference in reversed(left):
            module = reference()
            if module is not None:
                _clear(vars(module))
        gc.collect()

    def _names(self) -> list[str]:
        """The names of the program's own modules, in order.

        They come after the preloaded ones, which this loop must not touch: each counted reference
        would copy a page of memory, and there are thousands.
        """
        found = []
        for name, module in reversed(sys.modules.items()):
            if module is self._last:
                break
            if name not in self._preloaded:
                found.append(name)
        return ["__main__", *reversed(found)]


def _clear(names: dict[str, Any]) -> None:
    """Clear names with one leading underscore first, then all but the built-ins."""
    for name in list(names):
        if name[:1] == "_" and name[:2] != "__":
            names[name] = None
    for name in list(names):
        if name != "__builtins__":
            names[name] = None
