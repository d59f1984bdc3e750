"""Our sandbox as Inspect's: one for each sample, with the sample's dataset as ``data/``."""

from __future__ import annotations

import json
import posixpath
import shlex
import threading
from collections.abc import Callable
from typing import Literal, TypeVar, overload

import anyio
import anyio.to_thread
from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxEnvironment,
    SandboxEnvironmentLimits,
    SandboxUnavailableError,
    SandboxUserUnsupportedError,
    sandboxenv,
)

from mle_gym.datasets.dataset import Dataset
from mle_gym.datasets.prepare import prepare
from mle_gym.episode.episode_start import make_sandbox, make_submit_commands
from mle_gym.episode.settings import Settings
from mle_gym.errors import SandboxEnded, SandboxError, SubmissionError
from mle_gym.grading.grade import Grade
from mle_gym.sandbox.protocol import Execution, Files, Request
from mle_gym.tasks.catalog import load_task

__all__ = ["MleGymSandbox"]

_CALL = "/tmp/.inspect"
"""Where one call's standard streams lie inside."""
_PATIENCE = 86_400.0
"""Seconds for a command that names no timeout: Inspect has limits of its own."""

Result = TypeVar("Result")


@sandboxenv(name="mle_gym")
class MleGymSandbox(SandboxEnvironment):
    """One sandbox, and the commands in it that check a submission.

    Commands end with the call that runs them: unlike in an episode, no directory and no variable
    carries over. Calls of several threads run one after the other.
    """

    def __init__(self, dataset: Dataset, settings: Settings) -> None:
        super().__init__()
        self.dataset = dataset
        self.settings = settings
        self._sandbox = make_sandbox(dataset, settings, None, None)
        self._commands = make_submit_commands(dataset, settings, None)
        self._turn = threading.Lock()

    @classmethod
    async def sample_init(
        cls, task_name: str, config: object, metadata: dict[str, str]
    ) -> dict[str, SandboxEnvironment]:
        """Prepare the sample's dataset and start its sandbox."""

        def start() -> MleGymSandbox:
            arguments = json.loads(metadata["arguments"])
            task = load_task(metadata["task"])
            settings = Settings.check(task, arguments)
            variant = int(metadata["variant"])
            return cls(prepare(task, settings.dataset_options(variant)), settings)

        return {"default": await anyio.to_thread.run_sync(start)}

    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: object,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,
    ) -> None:
        """Close the sample's sandbox."""
        for environment in environments.values():
            ours = environment.as_type(cls)
            ours._commands.close()
            await anyio.to_thread.run_sync(ours._sandbox.close)

    async def exec(
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        """Run a command. Raises what Inspect's own method documents."""
        if user is not None:
            raise SandboxUserUnsupportedError(f"there is one user, and no {user!r}")
        content = input.encode() if isinstance(input, str) else input
        script = self._script(cmd, cwd, env, content is not None)
        most = SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE

        def run() -> ExecResult[str]:
            self._sandbox.write_file(f"{_CALL}/in", content or b"")
            done = self._run(script, float(timeout or _PATIENCE))
            if done.timed_out:
                raise TimeoutError(f"the command took longer than {timeout} seconds")
            out, err = self._stream("out", most), self._stream("err", most)
            return ExecResult(done.exit_code == 0, done.exit_code, out, err)

        return await self._call(run)

    async def write_file(self, file: str, contents: str | bytes) -> None:
        """Write a file. Raises what Inspect's own method documents."""
        content = contents.encode() if isinstance(contents, str) else contents
        done = await self._call(lambda: self._sandbox.write_file(file, content))
        if done.exit_code != 0:
            raise _file_error(done.output.decode("utf-8", "replace"))

    @overload
    async def read_file(self, file: str, text: Literal[True] = True) -> str: ...

    @overload
    async def read_file(self, file: str, text: Literal[False]) -> bytes: ...

    async def read_file(self, file: str, text: bool = True) -> str | bytes:
        """Read a file. Raises what Inspect's own method documents."""
        most = SandboxEnvironmentLimits.MAX_READ_FILE_SIZE
        try:
            content = await self._call(lambda: self._sandbox.fetch(file, max_bytes=most))
        except SubmissionError as error:
            raise _file_error(error.message) from None
        return content.decode() if text else content

    async def grade(self) -> Grade:
        """Grade the file at the submission's place, or its absence. Call it once.

        Raises:
            SandboxUnavailableError: The machinery failed, so there is no grade.
            MleGymError: The task's grader, or its data, are broken.
        """

        def end() -> Grade:
            handed = self._commands.handed_in
            self._commands.end(self._submission() if handed is None else handed)
            assert self._commands.grade is not None
            return self._commands.grade

        return await self._call(end)

    @property
    def handed_in(self) -> bytes | None:
        """The predictions that were graded; None before, and if there were none."""
        return self._commands.predictions

    def _submission(self) -> bytes | Files | None:
        """What lies at the submission's place; None if that is nothing, or the agent ended it."""
        name, most = self.dataset.task.submission.filename, self._commands.max_bytes
        try:
            if self._commands.takes_folders:
                return self._sandbox.fetch_files(name, max_bytes=most)
            return self._sandbox.fetch(name, max_bytes=most)
        except (SubmissionError, SandboxEnded):
            return None

    def _script(
        self, cmd: list[str], cwd: str | None, env: dict[str, str] | None, given: bool
    ) -> str:
        """A script that runs a command in a subshell, so that nothing of it carries over."""
        folder = posixpath.join(self._sandbox.workspace, cwd or "")
        lines = [f"cd -- {shlex.quote(folder)}"]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in (env or {}).items()]
        stdin = f"{_CALL}/in" if given else "/dev/null"
        run = f"exec {shlex.join(cmd)} <{stdin} >{_CALL}/out 2>{_CALL}/err"
        return "(" + "\n".join(["set -e", *lines, run]) + "\n)"

    def _run(self, script: str, timeout: float) -> Execution:
        """Run a script and answer its calls of ``validate`` and the like."""
        event = self._sandbox.begin(script, timeout=timeout)
        while isinstance(event, Request):
            event = self._sandbox.answer(self._commands.answer(event, timeout))
        return event

    def _stream(self, name: str, most: int) -> str:
        """What the last command wrote to one of its streams."""
        try:
            return self._sandbox.fetch(f"{_CALL}/{name}", max_bytes=most).decode("utf-8", "replace")
        except SubmissionError:  # the only file there that can be too large is this one
            size = SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE_STR
            raise OutputLimitExceededError(size, None) from None

    async def _call(self, work: Callable[[], Result]) -> Result:
        """Do one thing in the sandbox in a thread, and end it if the caller is cancelled."""

        def alone() -> Result:
            with self._turn:
                return work()

        try:
            return await anyio.to_thread.run_sync(alone, abandon_on_cancel=True)
        except anyio.get_cancelled_exc_class():
            self._sandbox.interrupt()
            raise
        except SandboxError as error:
            raise SandboxUnavailableError(str(error)) from error


def _file_error(message: str) -> OSError:
    """The built-in exception that a message of the sandbox's file actions means."""
    kinds = {
        "is a folder": IsADirectoryError,
        "is a directory": IsADirectoryError,
        "ermission denied": PermissionError,
        "read-only": PermissionError,
    }
    kind = next((kinds[words] for words in kinds if words in message), FileNotFoundError)
    return kind(message.strip())
