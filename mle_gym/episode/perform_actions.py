"""Performs actions in a sandbox, and answers the calls that they make."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable
from typing import Protocol

from mle_gym.episode.actions.action import (
    Action,
    ApplyPatch,
    Cell,
    EditFile,
    InsertText,
    ListFiles,
    ReadFile,
    Score,
    Shell,
    Submit,
    Think,
    Validate,
    View,
    WriteFile,
)
from mle_gym.episode.submit_commands import SubmitCommands
from mle_gym.errors import SandboxError, SubmissionError
from mle_gym.sandbox.protocol import Execution, Files, OnOutput, Reply, Request, Sandbox

__all__ = ["ActionPerformer"]


class Begin(Protocol):
    """Begins a script or a cell in the sandbox."""

    def __call__(self, *, timeout: float) -> Execution | Request:
        """Return how it ended, or the first call that it makes."""


class ActionPerformer:
    """Performs an agent's actions.

    Args:
        sandbox: Where they are performed.
        submit_commands: Answers ``validate``, ``score`` and ``submit``. It is called while no call
            to the sandbox is under way, so that its errors are not mistaken for the sandbox's.
        filename: The default path of these three.
        timeout: The longest that a script, a cell or a validated program may run, in seconds; None
            for no limit.
        default_timeout: How long a script or a cell may run that names no timeout, in seconds.
        turn: Waits until a script or a cell may start, and yields the seconds that it waited.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        submit_commands: SubmitCommands,
        filename: str,
        timeout: float | None,
        default_timeout: float,
        turn: Callable[[], contextlib.AbstractContextManager[float]],
    ) -> None:
        self._sandbox, self._submit_commands = sandbox, submit_commands
        self._filename, self._timeout, self._turn = filename, timeout, turn
        self._default_timeout = default_timeout

    def perform(
        self, action: Action, seconds_left: float, on_output: OnOutput | None = None
    ) -> Execution:
        """Perform one action; what a script or a cell prints is shown as it comes.

        Raises:
            SandboxError: The sandbox is gone.
        """
        match action:
            case Shell(command, timeout, restart):
                restarted = self._sandbox.restart() if restart else None
                if restarted is not None and not command:
                    return restarted
                begin: Begin = functools.partial(self._sandbox.begin, command, on_output=on_output)
                return self._run_in_turn(begin, timeout, seconds_left)
            case Cell(code, timeout, restart):
                begin = functools.partial(
                    self._sandbox.begin_cell, code, restart=restart, on_output=on_output
                )
                return self._run_in_turn(begin, timeout, seconds_left)
            case ApplyPatch(patch):
                begin = functools.partial(self._sandbox.begin, _patching(patch))
                return self._run_in_turn(begin, None, seconds_left)
            case Validate() | Score() | Submit() as call:
                return self._ask(call, self.most_seconds(seconds_left))
            case Think():
                return Execution(0, b"")
            case _:
                return self._touch_files(action)

    def _touch_files(
        self, action: WriteFile | EditFile | InsertText | ReadFile | View | ListFiles
    ) -> Execution:
        sandbox = self._sandbox
        match action:
            case WriteFile(path, content):
                return sandbox.write_file(path, content.encode())
            case EditFile(path, old, new):
                return sandbox.edit_file(path, old.encode(), new.encode())
            case InsertText(path, line, text):
                return sandbox.insert_text(path, line, text.encode())
            case ReadFile(path, start, lines):
                return sandbox.read_file(path, start=start, lines=lines)
            case View(path, start, lines):
                return sandbox.view(path, start=start, lines=lines)
            case ListFiles(path):
                return sandbox.list_files(path)

    def most_seconds(self, seconds_left: float) -> float:
        """How long anything that the agent waits for may run."""
        return seconds_left if self._timeout is None else min(self._timeout, seconds_left)

    def submission(self) -> bytes | Files:
        """The submission as it is at its path now.

        Raises:
            SubmissionError: There is none, or it can't be read.
            SandboxError: The sandbox is gone.
        """
        return self._fetch(self._filename)

    def _run_in_turn(self, begin: Begin, timeout: float | None, seconds_left: float) -> Execution:
        """Run a script or a cell when it may start; waiting for that is not on its time."""
        most = self.most_seconds(seconds_left)
        seconds = min(self._default_timeout if timeout is None else timeout, most)
        with self._turn() as queued:
            execution = self._run(begin, seconds)
        if execution.timed_out and timeout is None and seconds < most:
            hint = "name a longer `timeout`, or let it run in the background"
            note = f"[without a timeout of its own it ends after {seconds:g} seconds: {hint}]\n"
            execution = dataclasses.replace(execution, output=execution.output + note.encode())
        return dataclasses.replace(execution, queued=queued) if queued else execution

    def _run(self, begin: Begin, seconds: float) -> Execution:
        deadline = time.monotonic() + seconds
        try:
            event = begin(timeout=seconds)
            # A script may call `validate` and `score` as often as it likes before it ends.
            while isinstance(event, Request):
                self._submit_commands.begin()
                with self._watch():
                    reply = self._submit_commands.answer(event, deadline - time.monotonic())
                event = self._sandbox.answer(reply)
            return event
        except BaseException:  # such as Ctrl-C during grading, after which the episode goes on
            with contextlib.suppress(SandboxError):
                self._sandbox.cancel()
            raise

    def _watch(self) -> contextlib.AbstractContextManager[None]:
        """End a program that is run for a call once its caller no longer waits."""
        if self._submit_commands.runner is None:
            return contextlib.nullcontext()
        return self._sandbox.watch(self._submit_commands.call_off)

    def _ask(self, call: Validate | Score | Submit, seconds: float) -> Execution:
        """Answer a tool call as the command of the same name would be answered."""
        path = call.path or self._filename
        try:
            handed = self._fetch(path)
        except SubmissionError as error:
            reply = Reply(1, f"{call.tool}: {error}\n")
        else:
            file = isinstance(handed, bytes)
            request = (handed, None) if file else (b"", handed)
            with self._watch():
                reply = self._submit_commands.answer(Request(call.tool, path, *request), seconds)
        return Execution(reply.exit_code, reply.output.encode())

    def _fetch(self, path: str) -> bytes | Files:
        several = self._submit_commands.takes_folders
        fetch = self._sandbox.fetch_files if several else self._sandbox.fetch
        return fetch(path, max_bytes=self._submit_commands.max_bytes)


def _patching(patch: str) -> str:
    """The script that applies a patch, which may be too long for an argument."""
    mark = "END_OF_THE_PATCH"
    while mark in patch:
        mark += "_"
    return f"apply_patch <<'{mark}'\n{patch}\n{mark}"
