"""Performs actions in a sandbox, and answers the calls that they make."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable

from mle_gym.episode.parse_action import (
    EditFile,
    ListFiles,
    RawAction,
    ReadFile,
    Score,
    Shell,
    Submit,
    Validate,
    WriteFile,
    parse_action,
)
from mle_gym.episode.submit_commands import SubmitCommands
from mle_gym.errors import SandboxError, SubmissionError
from mle_gym.sandbox.protocol import Execution, Files, Reply, Request, Sandbox

__all__ = ["ActionPerformer"]


class ActionPerformer:
    """Performs an agent's actions.

    Args:
        sandbox: Where they are performed.
        submit_commands: Answers ``validate``, ``score`` and ``submit``. It is called while no call
            to the sandbox is under way, so that its errors are not mistaken for the sandbox's.
        filename: The default path of these three.
        timeout: The longest that a shell script or a validated program may run, in seconds; None
            for no limit.
        turn: Waits until a shell script may start, and yields the seconds that it waited.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        submit_commands: SubmitCommands,
        filename: str,
        timeout: float | None,
        turn: Callable[[], contextlib.AbstractContextManager[float]],
    ) -> None:
        self._sandbox, self._submit_commands = sandbox, submit_commands
        self._filename, self._timeout, self._turn = filename, timeout, turn

    def perform(self, raw: RawAction, seconds_left: float) -> Execution:
        """Perform one action.

        Raises:
            ActionError: The action is malformed.
            SandboxError: The sandbox is gone.
        """
        sandbox = self._sandbox
        match parse_action(raw):
            case Shell(command, timeout):
                seconds = self.most_seconds(seconds_left)
                seconds = seconds if timeout is None else min(timeout, seconds)
                with self._turn() as queued:
                    execution = self._run(command, seconds)
                return dataclasses.replace(execution, queued=queued) if queued else execution
            case WriteFile(path, content):
                return sandbox.write_file(path, content.encode())
            case EditFile(path, old, new):
                return sandbox.edit_file(path, old.encode(), new.encode())
            case ReadFile(path, start, lines):
                return sandbox.read_file(path, start=start, lines=lines)
            case ListFiles(path):
                return sandbox.list_files(path)
            case Validate() | Score() | Submit() as call:
                return self._ask(call, self.most_seconds(seconds_left))

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

    def _run(self, script: str, seconds: float) -> Execution:
        deadline = time.monotonic() + seconds
        try:
            event = self._sandbox.begin(script, timeout=seconds)
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
