"""Starts a fresh bash for each command; directory, variables and functions carry over as data."""

from __future__ import annotations

import os

from ..shared.light_imports import signal
from .command_output import write_whole
from .file_actions import take_file
from .shell_state import LARGEST_STATE, SAVE_ALL, SAVE_EXPORTED, can_make_state, has_rest, to_carry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared.runner_messages import Names
    from ..shared.snapshot_listing import ShellState
    from .file_actions import Answer

MOST_NAMES = 5_000
"""How many names of a folder are handed over."""
LONGEST_ARGUMENT = 100_000
"""Linux refuses a single variable of 128 KiB or more, so longer scripts go by file."""

DEFAULT_SIGNALS = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGTERM,
)
"""Signals that Python or the runner ignores; a command starts with their defaults."""

_WITHIN = {b"_", b".", b"-"} | {byte for n in range(256) if (byte := bytes([n])).isalnum()}
_BEFORE = _WITHIN | {b"/"}
"""Bytes next to a path that make it part of a longer one."""

_COMMAND = b'$__ "$___"'
"""What bash runs. ``eval`` and its argument are in variables, so that tools that find processes by
their command lines see no word of a script there, and none of ours."""

_START = """\
set -- "$____"; unset -v __ ___ ____; \
{{ echo 500 >/proc/self/oom_score_adj; \
[ -f "{run}/environment" ] && . "{run}/environment"; }} 2>/dev/null; \
trap '{{ {save}}} 2>/dev/null >"{run}/state"' EXIT; {body}"""
"""One line, so that bash counts the agent's lines from 1."""


class Shell:
    """Starts commands where the last one ended."""

    def __init__(self, bash: str, workspace: str, run: str, environment: dict[str, str]) -> None:
        self._bash, self._workspace, self._run = bash, workspace, run
        self._environment = environment
        self._directory = workspace
        self._saves_all = False
        """Whether there are plain variables or functions that carry over."""
        self._kept: tuple[bytes, tuple[int, ...]] = b"", ()
        """What was last written to the environment's file, and the file's stamp after that."""
        self.has_cells = False
        """Whether the agent may count on variables of cells: it has run some, and has not been
        told that they are gone."""

    def start(self, script: bytes, output: int, source: int | None = None) -> int:
        """Start bash on a script; returns its pid.

        Args:
            script: What it runs.
            output: The descriptor of its standard output and standard error.
            source: The descriptor of its standard input; None for an empty one.
        """
        self._enter_directory()
        variables: dict[bytes, bytes] = self._plumbing(script)
        if not os.path.exists(f"{self._run}/environment"):
            first = self._environment.items()
            variables |= {os.fsencode(name): os.fsencode(value) for name, value in first}
        return os.posix_spawn(
            self._bash,
            # Beginning with a socket, it would take itself for a remote login's and read .bashrc.
            [b"bash", b"--norc", b"-c", _COMMAND],
            variables,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)
                if source is None
                else (os.POSIX_SPAWN_DUP2, source, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
            setsigdef=DEFAULT_SIGNALS,
        )

    def names(self, order: Names, _payload: bytes) -> Answer:
        """Hand over names that a word of the next command may stand for; nothing is run."""
        path, folders = order["path"], self._environment["PATH"].split(":")
        if path is not None:
            home = self._environment.get("HOME", "")
            path = home + path[1:] if path == "~" or path.startswith("~/") else path
            folders = [os.path.join(self._directory, path)]
        found: set[bytes] = set()
        for folder in folders:
            try:
                with os.scandir(os.fsencode(folder)) as entries:
                    for entry in entries:
                        found.add(entry.name + (b"/" if entry.is_dir() else b""))
                        if len(found) == MOST_NAMES:
                            break
            except (OSError, ValueError):
                continue
        return {"op": "done"}, b"".join(name + b"\0" for name in sorted(found))

    def take_over(self) -> None:
        """Adopt the state of the shell that just ended; a shell that left none changes nothing."""
        path = f"{self._run}/state"
        try:
            content = take_file(path, LARGEST_STATE)[1]
            directory, exported, everything, end = content.split(b"\0", 3)
            if exported and not end:
                self._keep(to_carry(exported, everything))
                self._directory = os.fsdecode(directory)
        except (OSError, ValueError):
            pass
        try:
            os.unlink(path)  # whatever it is: a FIFO would block the next shell
        except OSError:
            pass

    def start_again(self) -> None:
        """Forget the folder, the variables and the functions that carry over."""
        self._directory, self._saves_all, self._kept = self._workspace, False, (b"", ())
        try:
            os.unlink(f"{self._run}/environment")
        except OSError:  # nothing carries over yet
            pass

    def save(self) -> ShellState:
        """The state for another sandbox, where other folders may hold the same things.

        Variables that still have their first value are only named. Folders of this sandbox become
        placeholders, which no variable can contain because they hold NUL.
        """
        text, untouched = b"", []
        reason, content = take_file(f"{self._run}/environment", LARGEST_STATE)
        if not reason:
            lines = content.split(b"\n")
            for name, value in self._environment.items():
                line = _declaration(name, value)
                if line in lines:
                    lines.remove(line)
                    untouched.append(name)
            text = b"\n".join(lines)
        directory = os.fsencode(self._directory)
        for mark, folder in self._folders():
            text, directory = (_mark_folder(part, folder, mark) for part in (text, directory))
        return {
            "environment": text.decode("utf-8", "surrogateescape"),
            "untouched": untouched,
            "directory": directory.decode("utf-8", "surrogateescape"),
            "has_cells": self.has_cells,
        }

    def load(self, state: ShellState) -> None:
        """Go on from what :meth:`save` returned, here or in another sandbox."""
        text = state["environment"].encode("utf-8", "surrogateescape")
        directory = state["directory"].encode("utf-8", "surrogateescape")
        for mark, folder in self._folders():
            text, directory = (part.replace(mark, folder) for part in (text, directory))
        self._directory = os.fsdecode(directory)
        self.has_cells = state.get("has_cells", False)
        if text:
            for name in state["untouched"]:
                if name in self._environment:
                    text += b"\n" + _declaration(name, self._environment[name])
            self._keep(text)

    def _keep(self, environment: bytes) -> None:
        """Write what the next command starts from; most commands don't change it."""
        path = f"{self._run}/environment"
        if self._kept == (environment, _stamp(path)):
            return
        write_whole(path, environment)
        self._kept = environment, _stamp(path)
        self._saves_all = has_rest(environment)

    def _folders(self) -> list[tuple[bytes, bytes]]:
        """What differs between backends, each with its placeholder; the longest comes first."""
        found = {
            b"\0path\0": self._environment["PATH"],
            b"\0run\0": self._run,
            b"\0workspace\0": self._workspace,
        }
        return [(name, os.fsencode(value)) for name, value in found.items()]

    def _enter_directory(self) -> None:
        """Go to where the last command ended, or to the workspace if that folder is gone."""
        for directory in (self._directory, self._workspace):
            try:
                os.chdir(directory)
                return
            except OSError:
                continue
        os.chdir("/")

    def _plumbing(self, script: bytes) -> dict[bytes, bytes]:
        """The variables that make :data:`_COMMAND` run a script."""
        body, argument = 'eval "set --; $1"', script
        if len(script) > LONGEST_ARGUMENT:
            path = f"{self._run}/command"
            write_whole(path, script)
            body, argument = f'set --; . "{path}"', b""
        save = SAVE_ALL if self._saves_all or can_make_state(script) else SAVE_EXPORTED
        start = _START.format(run=self._run, save=save, body=body)
        return {b"__": b"eval", b"___": start.encode(), b"____": argument}


def _stamp(path: str) -> tuple[int, ...]:
    """Changes whenever the file does, however the agent changes it; empty if there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mode, status.st_ctime_ns


def _declaration(name: str, value: str) -> bytes:
    """The line that bash's ``declare -px`` prints for a variable without control characters."""
    for special in '\\"$`':  # the backslash first: the others get one
        value = value.replace(special, "\\" + special)
    return os.fsencode(f'declare -x {name}="{value}"')


def _mark_folder(text: bytes, folder: bytes, mark: bytes) -> bytes:
    """Replace a folder's path wherever it is not just part of a longer name."""
    first, *others = text.split(folder)
    done = bytearray(first)
    before = first[-1:]
    for part in others:
        whole = before not in _BEFORE and part[:1] not in _WITHIN
        done += (mark if whole else folder) + part
        before = (part or folder)[-1:]
    return bytes(done)
