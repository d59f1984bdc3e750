"""Runs a task's ``grade.py`` in a sandbox of its own: never on the host, never in the agent's.

The sandbox shows ``grade.py`` and what lies beside it, the answers, the folders that the task
names, and a Python. It has no network, no home folder and nothing of other tasks. A submission goes
in as bytes and a number comes back. One process (:mod:`mle_gym.grading.grader_code.program_inside`)
grades many submissions. It starts with the first one, is replaced if it dies, and always ends with
the host process.

When a grader dies, hangs or raises, a *control* decides who is to blame: a submission that every
grader must be able to grade. If the control fails too, the task is broken; otherwise the submission
is refused. So no submission can turn its grade into a failure.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from mle_gym.errors import SandboxCrashed, SandboxEnded, SandboxUnavailable, TaskError
from mle_gym.grading.csv.typed_columns import Values
from mle_gym.grading.grader_code.call_outcome import (
    CallOutcome,
    died,
    read_reply,
    tail,
    too_slow,
    understood,
)
from mle_gym.grading.grader_code.code_and_limits import (
    TABLES,
    GraderCode,
    grader_config,
    grader_files,
    missing_module,
    private_files,
)
from mle_gym.grading.grader_code.into_sandbox import START, Table, ask, put, table_bytes
from mle_gym.grading.grader_code.living_sandboxes import keep, register
from mle_gym.grading.score import Score
from mle_gym.sandbox import Files, get_backend
from mle_gym.sandbox.protocol import Backend, Execution, Sandbox

__all__ = ["CodeSandbox"]

Submission = TypeVar("Submission", bytes, Files)

LOAD_SECONDS = 300.0
"""For importing what ``grade.py`` imports, on a busy machine from a cold disk."""
PATIENCE = 5
"""Wall-clock seconds allowed for a second of processor time: other work may occupy the processors,
which is not the submission's fault."""


class CodeSandbox:
    """The process that runs one ``grade.py``. Thread-safe: submissions wait for each other.

    A :class:`CodeSandboxPool` has several of them, so that no submission waits for long.
    """

    def __init__(self, code: GraderCode) -> None:
        self.code = code
        self._sandbox: Sandbox | None = None
        self._answers: dict[int, tuple[Table, Values]] = {}
        """The answers that the running process holds, by their number there."""
        self._given = 0
        self.lock = threading.RLock()
        register(self)

    def score_table(
        self, submission: Table, answers: Table, rows: Values, private: Path | None = None
    ) -> Score:
        """What ``grade(submission, answers)`` returns for some rows; the control is the answers.

        A ``grade`` with a third parameter also gets a folder with the files of ``private``.

        Raises:
            SubmissionError: It refuses the submission, or fails on it but not on the answers.
            TaskError: It fails on the answers themselves.
            SandboxError: Its sandbox can't be had.
        """

        def grade(*, control: bool) -> CallOutcome:
            def job(sandbox: Sandbox) -> dict[str, Any]:
                number = self._number(sandbox, answers, rows, private)
                if not control:
                    put(sandbox, "handed.json", table_bytes(submission, rows))
                return {"answers": number, "control": control}

            return self._call(job)

        with self.lock:
            found = grade(control=False)
            if found.graded and found.score is not None:
                return Score(found.score, found.parts)
            check = grade(control=True)
            if not check.graded:
                raise TaskError(
                    f"{self.code.name}: failed on the answers themselves: {check.describe()}"
                )
        raise found.error

    def score_file(self, content: bytes, filename: str, control: Callable[[], bytes]) -> Score:
        """What ``grade_file(submission, private)`` returns, NaN and infinite scores included.

        Args:
            content: The submission.
            filename: Its name.
            control: Returns the sample submission, which it must grade, or refuse with a reason.

        Raises:
            As :meth:`score_table`.
        """

        def grade(handed: bytes) -> CallOutcome:
            def job(sandbox: Sandbox) -> dict[str, Any]:
                put(sandbox, f"handed/{filename}", handed)
                return {"file": filename}

            return self._call(job)

        return self._with_control(grade, content, control)

    def score_files(self, files: Files, control: Callable[[], Files]) -> Score:
        """What ``grade_files(submission, private)`` returns for a folder of files.

        Args:
            files: The submission.
            control: Returns one that it must grade, or refuse with a reason.

        Raises:
            As :meth:`score_table`.
        """

        def grade(handed: Files) -> CallOutcome:
            def job(sandbox: Sandbox) -> dict[str, Any]:
                for name, content in handed.items():
                    put(sandbox, f"handed/{name}", content)
                return {"folder": "handed"}

            return self._call(job)

        return self._with_control(grade, files, control)

    def _with_control(
        self,
        grade: Callable[[Submission], CallOutcome],
        submission: Submission,
        control: Callable[[], Submission],
    ) -> Score:
        with self.lock:
            found = grade(submission)
            if found.score is not None:
                return Score(found.score, found.parts)
            if found.failure is not None:
                check = grade(control())
                if check.failure is not None:
                    problem = check.describe()
                    raise TaskError(f"{self.code.name}: failed on the sample submission: {problem}")
        raise found.error

    def close(self) -> None:
        """End the process. Idempotent; the next submission starts another."""
        with self.lock:
            self._answers.clear()
            sandbox, self._sandbox = self._sandbox, None
            if sandbox is not None:
                sandbox.close()

    def forget(self) -> None:
        """Give up the process in a forked child: it belongs to the parent."""
        self.lock, self._sandbox, self._answers = threading.RLock(), None, {}

    def _call(self, job: Callable[[Sandbox], dict[str, Any]]) -> CallOutcome:
        """Have one submission graded.

        A process that graded other submissions may have died because of them, and a sandbox may
        have been lost in the meantime: both are replaced, and asked once more.
        """
        for last in (False, True):
            fresh = self._sandbox is None
            try:
                outcome = self._attempt(job)
            except SandboxEnded as error:
                outcome = died(f"{error}", memory=error.killed_by == "memory")
            except SandboxCrashed as error:
                if last:
                    message = f"{self.code.name}: its sandbox failed: {error}"
                    raise SandboxCrashed(message, kind="grader_unavailable") from error
                continue
            if last or fresh or self._sandbox is not None or outcome.slow:
                return outcome
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, job: Callable[[Sandbox], dict[str, Any]]) -> CallOutcome:
        try:
            sandbox = self._sandbox or self._start()
            name = secrets.token_hex(16)  # which a submission can't guess, to forge the next reply
            command = ask({**job(sandbox), "job": name})
            run = sandbox.execute(command, timeout=PATIENCE * self.code.limits.seconds)
        except BaseException:  # interrupted, perhaps in the middle of an exchange, or worse
            self.close()
            raise
        return self._outcome(run, name)

    def _outcome(self, run: Execution, name: str) -> CallOutcome:
        """Read one reply; after anything else the process is not used again."""
        if run.exit_code == 0:
            reply = read_reply(run.output)
            if reply is not None and reply.get("job") == name:
                return understood(reply, self.code.limits.seconds)
        self.close()
        if run.killed_by == "timeout":
            return too_slow(self.code.limits.seconds)
        return died(tail(run), memory=run.killed_by == "memory")

    def _number(
        self, sandbox: Sandbox, answers: Table, rows: Values, private: Path | None
    ) -> int:  # fmt: skip
        """The number of these answers in the process, which is given them if it lacks them."""
        for number, (known, some) in self._answers.items():
            if known is answers and some is rows:
                return number
        self._given += 1
        put(sandbox, f"answers-{self._given}.json", table_bytes(answers, rows))
        for name, content in private_files(private):
            put(sandbox, f"private-{self._given}/{name}", content)
        self._answers[self._given] = answers, rows
        if len(self._answers) > TABLES:
            del self._answers[next(iter(self._answers))]
        return self._given

    def _start(self) -> Sandbox:
        code = self.code
        backend = _backend(code.backend)
        sandbox = backend.create(grader_config(code, backend.name))
        try:
            for name, content in grader_files(code):
                put(sandbox, name, content)
            run = sandbox.execute(START, timeout=max(LOAD_SECONDS, code.limits.seconds))
            reply = read_reply(run.output) if run.exit_code == 0 else None
            if reply is None:
                found = "took too long" if run.killed_by == "timeout" else tail(run)
                raise TaskError(f"{code.folder / 'grade.py'}: can't be loaded: {found}")
            if "missing" in reply:
                raise TaskError(
                    f"{code.folder / 'grade.py'}: {missing_module(code, reply['missing'])}"
                )
            if "ready" not in reply:
                raise TaskError(f"{code.folder / 'grade.py'}: {reply.get('message', '')}")
        except SandboxEnded as error:
            sandbox.close()
            raise TaskError(f"{code.folder / 'grade.py'}: can't be loaded: {error}") from error
        except BaseException:
            sandbox.close()
            raise
        self._sandbox, self._answers = sandbox, {}
        keep(self)
        return sandbox


def _backend(asked: str) -> Backend:
    """An isolating backend; where none can run, the one that was asked for by name."""
    try:
        return get_backend("auto")
    except SandboxUnavailable:
        if asked == "auto":
            raise
        return get_backend(asked)
