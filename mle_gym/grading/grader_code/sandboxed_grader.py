"""Runs a task's ``grade.py`` in a sandbox of its own: never on the host, never in the agent's.

The sandbox sees ``grade.py`` and what lies beside it, the answers, the folders that the task names,
and a Python; no network, no home, nothing of other tasks. A submission goes in as bytes and a
number comes back. One process (:mod:`mle_gym.grading.grader_code.program_inside`) grades many
submissions: it is started when the first one comes, started again after it has died, and ends with
the host, however that ends.

Who is to blame when a grader dies, hangs or raises? A *control* decides: a submission that every
grader has to be able to grade. If the control fails as well, the task is broken; if not, the
submission did it and is refused. So no submission can turn its grade into a failure.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shlex
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from mle_gym import sandbox
from mle_gym.errors import SandboxCrashed, SandboxEnded, SandboxUnavailable, TaskError
from mle_gym.grading.csv.typed_columns import Values
from mle_gym.grading.grader_code.code_and_limits import (
    TABLES,
    GraderCode,
    grader_config,
    grader_files,
    lacks,
)
from mle_gym.grading.grader_code.outcome import (
    Outcome,
    died,
    read_reply,
    tail,
    too_slow,
    understood,
)
from mle_gym.sandbox.protocol import Backend, Execution, Sandbox

__all__ = ["CodeSandbox", "Table", "end_idle"]

Table = Mapping[str, Values]
"""Columns by name, of the same length, id included."""

MOST_ALIVE = 4
"""Sandboxes of graders that are kept; each holds the libraries of a ``grade.py`` in memory."""
PIECE = 128 << 20
"""Bytes that go into a sandbox at a time."""
LOAD_SECONDS = 300.0
"""For importing what ``grade.py`` imports, on a busy machine from a cold disk."""
PATIENCE = 5
"""Wall-clock seconds that a second of processor time may take: other work may keep it from a
processor, and that is not the submission's fault."""

_WAIT = """
line=
until IFS= read -r -t 1 part <&4; do
    line+=$part
    kill -0 "$(<server)" 2>/dev/null || { tail -c 1000 log; exit 70; }
done
printf '%s\\n' "$line$part"
"""
"""Read a line, which a second may cut into parts, and look each second whether anyone is there."""
_START = f"""
mkfifo ask answer && exec 3<>ask 4<>answer || exit 71
python grader_program.py <&3 >&4 2>log 3<&- 4<&- &
echo $! >server
{_WAIT}"""


class CodeSandbox:
    """The process that runs one ``grade.py``. Thread-safe: submissions wait for one another.

    A :class:`CodeSandboxPool` has several of them, so that no submission waits for long.
    """

    def __init__(self, code: GraderCode) -> None:
        self.code = code
        self._box: Sandbox | None = None
        self._answers: dict[int, tuple[Table, Values]] = {}
        """The answers that the running process knows, by the number that it knows them by."""
        self._given = 0
        self.lock = threading.RLock()
        _known.add(self)

    def score_table(self, submission: Table, answers: Table, rows: Values) -> float:
        """What ``grade(submission, answers)`` returns for some rows; the control is the answers.

        Raises:
            SubmissionError: It refuses the submission, or fails on it and not on the answers.
            TaskError: It fails on the answers themselves.
            SandboxError: Its sandbox can't be had.
        """

        def grade(*, control: bool) -> Outcome:
            def job(box: Sandbox) -> dict[str, Any]:
                number = self._number(box, answers, rows)
                if not control:
                    _put(box, "handed.json", _table_bytes(submission, rows))
                return {"answers": number, "control": control}

            return self._call(job)

        with self.lock:
            found = grade(control=False)
            if found.graded and found.score is not None:
                return found.score
            check = grade(control=True)
            if not check.graded:
                raise TaskError(
                    f"{self.code.name}: failed on the answers themselves: {check.told()}"
                )
        raise found.error

    def score_file(self, content: bytes, filename: str, control: Callable[[], bytes]) -> float:
        """What ``grade_file(submission, private)`` returns, NaN and infinite scores included.

        Args:
            content: The submission.
            filename: Its name.
            control: Gives the sample submission, which has to be gradable or be refused in words.

        Raises:
            As :meth:`score_table`.
        """

        def grade(handed: bytes) -> Outcome:
            def job(box: Sandbox) -> dict[str, Any]:
                _put(box, f"handed/{filename}", handed)
                return {"file": filename}

            return self._call(job)

        with self.lock:
            found = grade(content)
            if found.score is not None:
                return found.score
            if found.failure is not None:
                check = grade(control())
                if check.failure is not None:
                    told = check.told()
                    raise TaskError(f"{self.code.name}: failed on the sample submission: {told}")
        raise found.error

    def close(self) -> None:
        """End the process. Idempotent; the next submission starts another."""
        with self.lock:
            self._answers.clear()
            box, self._box = self._box, None
            if box is not None:
                box.close()

    def forget(self) -> None:
        """In a forked child: the process is the parent's."""
        self.lock, self._box, self._answers = threading.RLock(), None, {}

    # ------------------------------------------------------------------------------- one call

    def _call(self, job: Callable[[Sandbox], dict[str, Any]]) -> Outcome:
        """Have one submission graded.

        A process that graded others before it died may have died of them, and a sandbox may have
        been lost since: both are replaced and asked again.
        """
        for last in (False, True):
            fresh = self._box is None
            try:
                outcome = self._attempt(job)
            except SandboxEnded as error:
                outcome = died(f"{error}", memory=error.killed_by == "memory")
            except SandboxCrashed as error:
                if last:
                    message = f"{self.code.name}: its sandbox failed: {error}"
                    raise SandboxCrashed(message, kind="grader_unavailable") from error
                continue
            if last or fresh or self._box is not None or outcome.slow:
                return outcome
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, job: Callable[[Sandbox], dict[str, Any]]) -> Outcome:
        try:
            box = self._box or self._start()
            name = secrets.token_hex(16)  # which nobody can give an answer beforehand
            ask = _ask({**job(box), "job": name})
            run = box.execute(ask, timeout=PATIENCE * self.code.seconds)
        except BaseException:  # interrupted, perhaps in the middle of an exchange, or worse
            self.close()
            raise
        return self._outcome(run, name)

    def _outcome(self, run: Execution, name: str) -> Outcome:
        """Read one answer; after anything but an answer the process is not used again."""
        if run.exit_code == 0:
            reply = read_reply(run.output)
            if reply is not None and reply.get("job") == name:
                return understood(reply, self.code.seconds)
        self.close()
        if run.killed_by == "timeout":
            return too_slow(self.code.seconds)
        return died(tail(run), memory=run.killed_by == "memory")

    def _number(self, box: Sandbox, answers: Table, rows: Values) -> int:
        """The number by which the process knows these answers, telling it if it doesn't."""
        for number, (known, some) in self._answers.items():
            if known is answers and some is rows:
                return number
        self._given += 1
        _put(box, f"answers-{self._given}.json", _table_bytes(answers, rows))
        self._answers[self._given] = answers, rows
        if len(self._answers) > TABLES:
            del self._answers[next(iter(self._answers))]
        return self._given

    # --------------------------------------------------------------------------------- its start

    def _start(self) -> Sandbox:
        code = self.code
        backend = _backend(code.backend)
        box = backend.create(grader_config(code, backend.name))
        try:
            for name, content in grader_files(code):
                _put(box, name, content)
            run = box.execute(_START, timeout=max(LOAD_SECONDS, code.seconds))
            reply = read_reply(run.output) if run.exit_code == 0 else None
            if reply is None:
                found = "took too long" if run.killed_by == "timeout" else tail(run)
                raise TaskError(f"{code.folder / 'grade.py'}: can't be loaded: {found}")
            if "missing" in reply:
                raise TaskError(f"{code.folder / 'grade.py'}: {lacks(code, reply['missing'])}")
            if "ready" not in reply:
                raise TaskError(f"{code.folder / 'grade.py'}: {reply.get('message', '')}")
        except SandboxEnded as error:
            box.close()
            raise TaskError(f"{code.folder / 'grade.py'}: can't be loaded: {error}") from error
        except BaseException:
            box.close()
            raise
        self._box, self._answers = box, {}
        _keep(self)
        return box


# ----------------------------------------------------------------------------- what goes in


def _backend(asked: str) -> Backend:
    """A sandbox that isolates; only where none can run, the one that was asked for by name."""
    try:
        return sandbox.get_backend("auto")
    except SandboxUnavailable:
        if asked == "auto":
            raise
        return sandbox.get_backend(asked)


def _ask(job: dict[str, Any]) -> str:
    """The command that has one submission graded and prints the answer."""
    line = shlex.quote(json.dumps(job))
    return f"exec 3<>ask 4<>answer\nprintf '%s\\n' {line} >&3\n{_WAIT}"


def _put(box: Sandbox, name: str, content: bytes) -> None:
    """Write a file inside, a large one piece by piece."""
    _done(box.write_file(name, content[:PIECE]))
    for start in range(PIECE, len(content), PIECE):
        _done(box.write_file("piece", content[start : start + PIECE]))
        _done(box.execute(f"cat piece >>'{name}' && rm piece", timeout=60))


def _done(run: Execution) -> None:
    if run.exit_code != 0:
        raise SandboxCrashed(f"a file can't be put into the grader's sandbox: {tail(run)}")


def _table_bytes(table: Table, rows: Values) -> bytes:
    """Some rows as JSON, which keeps integers, floats and text as they are."""
    chosen = {name: column[rows] for name, column in table.items()}
    columns = {name: (str(column.dtype), column.tolist()) for name, column in chosen.items()}
    return json.dumps(columns, ensure_ascii=False, separators=(",", ":")).encode()


# -------------------------------------------------------------------------------- which are alive

_known: weakref.WeakSet[CodeSandbox] = weakref.WeakSet()
_counting = threading.Lock()
_alive: list[CodeSandbox] = []
"""Those with a process, the one that was started last at the end."""


def _keep(started: CodeSandbox) -> None:
    """Count one that has started."""
    with _counting:
        if started in _alive:
            _alive.remove(started)
        _alive.append(started)
    end_idle()


def end_idle() -> None:
    """End the oldest idle ones beyond the most that are kept."""
    with _counting:
        for other in _alive[:-MOST_ALIVE]:
            if other.lock.acquire(blocking=False):  # it grades otherwise, and ends another time
                try:
                    other.close()
                finally:
                    other.lock.release()
                _alive.remove(other)


def _forget_all() -> None:
    """After a fork: what runs is the parent's."""
    global _counting
    _counting = threading.Lock()
    _alive.clear()
    for each in list(_known):
        each.forget()


def _close_all() -> None:
    for each in list(_known):
        each.close()


os.register_at_fork(after_in_child=_forget_all)
atexit.register(_close_all)
