"""Makes ``sys``, ``__main__`` and the standard streams what a new interpreter has."""

from __future__ import annotations

import io
import os
import site
import sys
from importlib.machinery import BuiltinImporter
from types import ModuleType
from typing import Any

from .accept_request import Command, Request


def set_up_interpreter(request: Request, command: Command) -> dict[str, Any]:
    """Set up everything that a new interpreter sets up before it runs a program.

    Returns:
        The name space of ``__main__``.
    """
    _open_standard_streams(command.unbuffered)
    _find_user_site()
    sys.path[:] = [place for place in sys.path if _is_there(place)]
    sys.argv[:] = [os.fsdecode(word) for word in command.arguments]
    if sys.version_info >= (3, 10):
        sys.orig_argv[:] = [os.fsdecode(word) for word in request.arguments]
    _set_executable(os.path.basename(os.fsdecode(request.arguments[0])))
    sys.path.insert(0, _first_place(command))
    return _new_main()


def _open_standard_streams(unbuffered: bool) -> None:
    """Make the same objects, with the same parameters, as the interpreter does."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)
        mode = "rb" if number == 0 else "wb"
        buffering = 0 if unbuffered and number else -1
        binary: Any = open(number, mode, buffering=buffering, closefd=False)  # noqa: SIM115
        raw = binary.raw if buffering else binary
        raw.name = f"<{name}>"
        stream: Any = io.TextIOWrapper(
            binary,
            encoding=old.encoding,
            errors=old.errors,
            newline="\n",
            line_buffering=number == 2 and not unbuffered,
            write_through=unbuffered,
        )
        stream.mode = mode[0]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _set_executable(name: str) -> None:
    """Give the interpreter's path the name by which it was called."""
    for attribute in ("executable", "_base_executable"):
        path = os.path.join(os.path.dirname(getattr(sys, attribute)), name)
        if os.path.exists(path):
            setattr(sys, attribute, path)


def _find_user_site() -> None:
    """Find the user's own packages again: where they are depends on ``HOME``."""
    if site.ENABLE_USER_SITE is not None:
        site.USER_BASE = site.USER_SITE = None
        site.getusersitepackages()
        known = getattr(sys.modules.get("sysconfig"), "_CONFIG_VARS", None)
        if known and known.get("userbase"):
            known["userbase"] = site.USER_BASE


def _is_there(place: str) -> bool:
    """Whether a new interpreter in the sandbox would have this place on its path."""
    return place.startswith(sys.base_prefix) or os.path.exists(place)


def _first_place(command: Command) -> str:
    """The first entry of ``sys.path``."""
    if command.form == "script":
        return os.path.dirname(os.path.realpath(os.fsdecode(command.target)))
    return os.getcwd() if command.form == "module" else ""


def _new_main() -> dict[str, Any]:
    """Make a new module ``__main__`` and return its name space."""
    old, main = sys.modules["__main__"], ModuleType("__main__")
    sys.modules["__main__"] = main
    names = vars(main)
    names["__loader__"], names["__builtins__"] = BuiltinImporter, vars(old)["__builtins__"]
    if sys.version_info < (3, 14):  # made when they are asked for from then on
        names["__annotations__"] = {}
    return names
