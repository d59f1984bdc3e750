"""Where commands print (results on stdout, everything else on stderr), and their exit codes."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from enum import IntEnum
from typing import Annotated, Any, TextIO

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mle_gym.agents import is_agents
from mle_gym.clean_console import CleanConsole, drop
from mle_gym.errors import AgentError, DatasetError, MleGymError, SandboxError
from mle_gym.paths import PACKAGE
from mle_gym.regular_files import NotAFile

__all__ = [
    "AsJson",
    "ExitCode",
    "MissingExtra",
    "UsageError",
    "as_json",
    "as_usage_errors",
    "debugging",
    "emit",
    "err",
    "error_data",
    "explain",
    "new_table",
    "out",
    "print_error",
    "warn",
]

debugging: ContextVar[bool] = ContextVar("debugging", default=False)
"""Whether tracebacks are shown: ``mle-gym --debug`` or ``MLE_GYM_DEBUG=1``."""

_UNSHOWN = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that JSON allows unescaped, but that must not reach a terminal."""

AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")
]
"""The option that every command with a result has."""


ADVICE = {
    "ENOSPC": "make room there, or write elsewhere (--out, MLE_GYM_CACHE, TMPDIR)",
    "EDQUOT": "make room below your quota, or write elsewhere (--out, MLE_GYM_CACHE, TMPDIR)",
    "EROFS": "write elsewhere (--out, MLE_GYM_CACHE, TMPDIR)",
    "EACCES": "`ls -ld` shows the owner; get access to it, or name another place",
    "EPERM": "`ls -ld` shows the owner; get access to it, or name another place",
    "EISDIR": "expected a file, found a folder: name a file in it",
    "ENOTDIR": "one of the folders on this path is a file",
    "EMFILE": "raise the limit (`ulimit -n`), or run fewer environments at the same time",
    "ENFILE": "the whole machine has too many files open; run fewer environments",
    "ENAMETOOLONG": "name a shorter path",
    "ELOOP": "the links on this path lead to one another",
    "EFBIG": "use a smaller file",
}
"""What to do about an error of the operating system, by its name."""


NO_SUCH_FILE = (
    FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, NotAFile
)  # fmt: skip
"""Errors that mean that the command line names a wrong path."""


as_json: ContextVar[bool] = ContextVar("as_json", default=False)
"""Whether the command line has ``--json``, so that an error is JSON on stdout, too."""


class UsageError(MleGymError, ValueError):
    """The command line asks for something impossible; the message says what was expected."""


@contextlib.contextmanager
def as_usage_errors(about: str = "") -> Iterator[None]:
    """Turn what the block raises about an argument's type or value into a usage error.

    Our own errors stay as they are: their messages are for users, and have exit codes of their own.

    Args:
        about: What the argument belongs to, such as a file; begins the message.
    """
    try:
        yield
    except MleGymError:
        raise
    except (TypeError, ValueError) as error:
        raise UsageError(f"{about}: {error}" if about else str(error)) from error


class MissingExtra(MleGymError, ImportError):
    """What was asked for requires a package that is not installed; the message says which."""


class ExitCode(IntEnum):
    """How a command ended; ``docs/cli.md`` explains them to users."""

    OK = 0
    NOT_OK = 1
    """A check failed: the submission is invalid, or the task has a fault."""
    USAGE = 2
    """The command line, or a file or task that it names, can't be used."""
    ENVIRONMENT = 3
    """This machine lacks something: a sandbox, data, disk space, permission."""
    BUG = 70
    """An unexpected exception, in mle-gym or in an agent's file."""
    INTERRUPTED = 130


def out() -> Console:
    """The console for results. It isn't a constant, since stdout may be replaced while we run."""
    return CleanConsole(sys.stdout, width=_width(sys.stdout))


def err() -> Console:
    """The console for progress and errors."""
    return CleanConsole(sys.stderr, width=_width(sys.stderr))


def _width(stream: TextIO) -> int | None:
    """A fixed width for files and pipes, which have none: rich's guess would cut tables."""
    return None if stream.isatty() or "COLUMNS" in os.environ else 120


def emit(value: Any) -> None:
    """Print a value as JSON. Nothing else is printed on stdout."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(value, indent=2, ensure_ascii=not unicode, allow_nan=False)
    try:
        sys.stdout.write(_UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        drop(sys.stdout)


def warn(message: str) -> None:
    """Print a warning on stderr; the command goes on."""
    err().print(Text.assemble(("warning: ", "bold yellow"), message), soft_wrap=True)


def new_table(*columns: str, title: str | None = None, right: tuple[str, ...] = ()) -> Table:
    """A table in the one style of this program.

    The first column holds names that people copy, so it is never wrapped or cut. ``right`` lists
    the columns of numbers.
    """
    table = Table(title=title, box=box.ROUNDED, header_style="bold", title_justify="left")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left")
    table.columns[0].no_wrap = True
    return table


def explain(error: BaseException) -> ExitCode:
    """Print what an exception means, and say how to exit.

    With ``--json``, the error also takes the place of the result on stdout.
    """
    data = print_error(error)
    if as_json.get():
        emit({"error": data})
    return ExitCode(data["exit_code"])


def print_error(error: BaseException) -> dict[str, Any]:
    """Print one clear message for an exception on stderr; returns it as plain data.

    With ``debugging`` set the traceback is printed before it.
    """
    if debugging.get():
        err().print("".join(traceback.format_exception(error)), soft_wrap=True)
    if isinstance(error, KeyboardInterrupt):
        err().print("interrupted", style="bold")
        return error_data(error, "interrupted", ExitCode.INTERRUPTED)
    # Messages for users stand alone. A bug's message needs its type, and the place that raised it.
    code, notes = _code(error), getattr(error, "__notes__", ())
    message = str(error) if code != ExitCode.BUG else f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and not isinstance(error, MleGymError) and code != ExitCode.BUG:
        message = _os_message(error)
    err().print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)
    for note in notes if not isinstance(error, AgentError) else ():
        err().print(note, soft_wrap=True)
    if code == ExitCode.BUG and not notes:
        if origin := _origin(error):
            err().print(origin, soft_wrap=True)
        if not debugging.get():
            words = "This is a bug. Set MLE_GYM_DEBUG=1 to see where it happened."
            err().print(words, style="dim")
    return error_data(error, message, code)


def error_data(error: BaseException, message: str, code: int) -> dict[str, Any]:
    """An error as ``--json`` shows it."""
    notes = list(getattr(error, "__notes__", ()))
    kind = type(error).__name__
    return {"type": kind, "message": message, "notes": notes, "exit_code": int(code)}


def _code(error: BaseException) -> ExitCode:
    """The exit code for an exception that ended a command."""
    # An agent's own exception is a bug in it. An AgentError says what the agent can't play.
    if is_agents(error) and not isinstance(error, AgentError):
        return ExitCode.BUG
    if isinstance(error, SandboxError | DatasetError | MissingExtra):
        return ExitCode.ENVIRONMENT
    if isinstance(error, MleGymError):
        return ExitCode.USAGE
    if isinstance(error, NO_SUCH_FILE):
        return ExitCode.USAGE
    return ExitCode.ENVIRONMENT if isinstance(error, OSError) else ExitCode.BUG


def _os_message(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    advice = ADVICE.get(errno.errorcode.get(error.errno or 0, ""), "")
    return f"{where}{error.strerror or error}{'; ' if advice else ''}{advice}"


def _origin(error: BaseException) -> str:
    """The last place outside our code, such as an agent's file or a task's, that raised an error.

    That file is what the reader of the message can mend.
    """
    ours = (str(PACKAGE), sys.prefix, sys.base_prefix, "<")
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(ours) or "_bundled" in frame.filename
    ]
    if not frames:
        return ""
    last = frames[-1]
    return f"raised in {last.filename}, line {last.lineno}, in {last.name}: {last.line}"
