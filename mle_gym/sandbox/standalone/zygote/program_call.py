"""The program as ``program.c`` runs it: source text, a script, a module or standard input."""

from __future__ import annotations

import ctypes
import linecache
import os
import sys
from importlib import import_module
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import Any

from ..shared.system_calls import libc
from .accept_request import Command
from .end_program import CleanUp, exit_code


class Program(ctypes.Structure):
    """``struct program`` of ``program.c``."""

    _fields_ = (
        ("code", ctypes.c_char_p),
        ("filename", ctypes.c_char_p),
        ("file", ctypes.c_void_p),
        ("function", ctypes.py_object),
        ("arguments", ctypes.py_object),
        ("flags", ctypes.c_int),
        ("minor_version", ctypes.c_int),
        ("globals", ctypes.c_void_p),
        ("remember_source", ctypes.py_object),
        ("exit_code", ctypes.py_object),
        ("clean_up", ctypes.py_object),
        ("interrupted", ctypes.c_int),
    )


class ProgramCalls:
    """Describes programs for ``program.c``. What all of them need is looked up once."""

    def __init__(self) -> None:
        self._clean_up = CleanUp()
        runpy = import_module("runpy")
        self._run_module = runpy.__dict__["_run_module_as_main"]
        libc.fopen.restype = ctypes.c_void_p
        self._stdin = ctypes.c_void_p.in_dll(libc, "stdin")

    def __call__(self, command: Command, names: dict[str, Any]) -> Program:
        """Describe the program of a command line.

        Args:
            command: The command line.
            names: The name space of ``__main__``.
        """
        program = Program(
            globals=id(names),  # nothing of ours may keep it alive when the program is over
            remember_source=_SourceOf(command.target),
            exit_code=exit_code,
            clean_up=self._clean_up,
            minor_version=sys.version_info.minor,
        )
        if command.form == "code":
            program.code = command.target
        elif command.form == "module":
            program.function, program.arguments = (
                self._run_module,
                (os.fsdecode(command.target), True),
            )
        else:
            name = b"<stdin>"
            program.file = self._stdin
            if command.form == "script":
                name = _absolute(command.target)
                program.file = libc.fopen(name, b"rb")
                names["__loader__"] = SourceFileLoader("__main__", os.fsdecode(name))
            program.filename = name
            names["__file__"], names["__cached__"] = os.fsdecode(name), None
        return program


class _SourceOf:
    """Has tracebacks show the lines of what ``-c`` was given, as Python 3.13 and later do."""

    def __init__(self, source: bytes) -> None:
        self._source = source

    def __call__(self, code: CodeType) -> None:
        if sys.version_info < (3, 13):
            return
        text = self._source.decode(errors="surrogateescape")
        # 3.13.0 asks for the file's name where later versions ask for the code.
        by_code = hasattr(linecache, "_interactive_cache")
        register: Any = linecache.__dict__["_register_code"]
        register(code if by_code else "<string>", text, "<string>")


def _absolute(path: bytes) -> bytes:
    """As the interpreter makes a script's path absolute: not normalised."""
    if path.startswith(b"/"):
        return path
    return os.getcwdb().rstrip(b"/") + b"/" + path
