"""Runs one cell like a notebook: the value of a last expression is shown, errors are short."""

from __future__ import annotations

import ast
import linecache
import os
import re
import signal
import sys
from types import CodeType
from typing import Any

from .short_traceback import describe

INTERRUPTED = 130
"""The exit code that shells give to what an interrupt ended."""
_SHELL_LINE = re.compile(r"^([ \t]*)!(.+)$", re.MULTILINE)
_MAGIC_LINE = re.compile(r"^[ \t]*%", re.MULTILINE)
_NO_MAGIC = "[cells are plain Python: %magic isn't understood, !command runs a shell command]\n"


class CellRunner:
    """Runs cells in a name space.

    Args:
        names: The name space of ``__main__``.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        _line_by_line()

    def run(self, source: bytes, title: str) -> int:
        """Run a cell and show what there is to see of it; returns an exit code.

        Args:
            source: The text in UTF-8.
            title: What tracebacks call it.
        """
        text = source.decode("utf-8", "replace")
        try:
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                self._run(text, title)
                exit_code = 0
            finally:
                signal.signal(signal.SIGINT, _ignore)
        except SystemExit as error:
            exit_code = _exit_code(error)
        except KeyboardInterrupt as error:
            signal.signal(signal.SIGINT, _ignore)  # a second one may have come too soon
            exit_code = INTERRUPTED
            _show_error(describe(error))
        except BaseException as error:
            exit_code = 1
            _show_error(describe(error) + _hint(error, text))
        _flush()
        return exit_code

    def _run(self, text: str, title: str) -> None:
        linecache.cache[title] = len(text), None, text.splitlines(keepends=True), title
        tree = _parse(text, title)
        last = tree.body[-1] if tree.body else None
        if not isinstance(last, ast.Expr):
            exec(_compiled(tree, title, "exec"), self._names)
            return
        del tree.body[-1]
        if tree.body:
            exec(_compiled(tree, title, "exec"), self._names)
        value = eval(_compiled(ast.Expression(last.value), title, "eval"), self._names)
        if not text.rstrip().endswith(";"):
            sys.displayhook(value)


def _parse(text: str, title: str) -> ast.Module:
    """The cell's syntax; lines that begin with ``!`` are shell commands where they must be."""
    try:
        return _syntax(text, title)
    except SyntaxError:
        replaced = _SHELL_LINE.sub(_as_python, text)
        if replaced == text:
            raise
    return _syntax(replaced, title)


def _syntax(text: str, title: str) -> ast.Module:
    flags = ast.PyCF_ONLY_AST
    tree = compile(text, title, "exec", flags, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


def _compiled(tree: ast.Module | ast.Expression, title: str, mode: str) -> CodeType:
    code: CodeType = compile(tree, title, mode, dont_inherit=True)
    return code


def _as_python(line: re.Match[str]) -> str:
    call = f"run({line[2]!r}, shell=True, executable='/bin/bash')"
    return f"{line[1]}__import__('subprocess').{call} and None"


def _hint(error: BaseException, text: str) -> str:
    is_magic = isinstance(error, SyntaxError) and _MAGIC_LINE.search(text)
    return _NO_MAGIC if is_magic else ""


def _exit_code(error: SystemExit) -> int:
    """What a shell would see; the interpreter itself goes on."""
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    _show_error(f"{error.code}\n")
    return 1


def _line_by_line() -> None:
    """Write out each line at once, in the order of what other programs and threads write."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure:
        reconfigure(line_buffering=True)


def _show_error(text: str) -> None:
    """Write where the agent reads, whatever the cell has made of ``sys.stderr``."""
    _flush()
    data = text.encode("utf-8", "backslashreplace")
    while data:
        data = data[os.write(2, data) :]


def _flush() -> None:
    """Write out what waits in buffers, those of C's library included."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # the cell may have closed or replaced it
            continue
    ctypes = sys.modules.get("ctypes")
    if ctypes is not None:
        ctypes.CDLL(None).fflush(None)


def _ignore(*_: object) -> None:
    """An interrupt that comes after the cell's last line is too late."""
