"""Runs a task's ``grade.py`` in a sandbox of its own: never on the host, never in the agent's.

The sandbox sees ``grade.py`` and what lies beside it, the answers, the folders that the task names,
and a Python; no network, no home, nothing of other tasks. A submission goes in as bytes and a
number comes back. One process (:mod:`mle_gym.grading.grader_program`) grades many submissions: it
is started when the first one comes, started again after it has died, and ends with the host,
however that ends.

Who is to blame when a grader dies, hangs or raises? A *control* decides: a submission that every
grader has to be able to grade. If the control fails as well, the task is broken; if not, the
submission did it and is refused. So no submission can turn its grade into a failure.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import shlex
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym import sandbox
from mle_gym.errors import (
    DatasetError,
    SandboxCrashed,
    SandboxEnded,
    SandboxUnavailable,
    SubmissionError,
    TaskError,
)
from mle_gym.grading.columns import Values
from mle_gym.paths import PACKAGE
from mle_gym.sandbox.base import Backend, Execution, Limits, Mount, Sandbox, SandboxConfig
from mle_gym.tasks.keys import KEY_FILE
from mle_gym.tasks.stored_split import SPLIT_FILE

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["GraderCode", "GraderSandbox", "Table", "grader_sandbox", "not_finite"]

Table = Mapping[str, Values]
"""Columns by name, of the same length, id included."""

PROGRAM = Path(__file__).with_name("grader_program.py")
OWN = ("errors.py", "terminal.py", "integrations/foreign_program.py")
"""Files of this package that ``grade.py`` may import; nothing else of it is there."""
LEFT_OUT = frozenset({KEY_FILE, SPLIT_FILE, "solution.py", "baseline.py"})
"""Files of a task's folder that no grader needs, and that the answers follow from."""
MOST_ALIVE = 4
"""Sandboxes of graders that are kept; each holds the libraries of a ``grade.py`` in memory."""
TABLES = 4
"""Answers that one process holds: the public and the private part, and given ones."""
PIECE = 128 << 20
"""Bytes that go into a sandbox at a time."""
MOST_BYTES = 1 << 30
"""Of the task's folder and of the private one: they lie in the sandbox's memory."""
LOAD_SECONDS = 300.0
"""For importing what ``grade.py`` imports, on a busy machine from a cold disk."""
PATIENCE = 5
"""Wall-clock seconds that a second of processor time may take: other work may keep it from a
processor, and that is not the submission's fault."""
LONGEST_REASON = 300
"""Characters of a ``grade.py``'s own message that are passed on."""

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


@dataclass(frozen=True)
class GraderCode:
    """A task's ``grade.py``, and everything that its sandbox is made of."""

    folder: Path
    """The task's."""
    function: str
    """``"grade"`` or ``"grade_file"``."""
    changed_ns: int
    """When the file was last changed: another file is another grader."""
    seconds: float
    memory_mb: int
    python: str
    folders: tuple[str, ...]
    max_bytes: int
    """Of a submission."""
    raw: str
    """The file or folder of raw data in the task's folder, which the grader doesn't see."""
    private: Path | None
    """The folder that ``grade_file`` reads the answers from."""
    backend: str
    """The sandbox to use where no other one can run."""

    @classmethod
    def of(
        cls, task: TaskSpec, function: str, backend: str, private: Path | None = None
    ) -> GraderCode:
        """What the task declares.

        Raises:
            TaskError: There is no ``grade.py``.
        """
        path = task.folder / "grade.py"
        if not path.is_file():
            raise TaskError(f"{path}: expected a function {function}, found no file")
        own, files = task.grader, task.data.loader == "files"
        return cls(
            folder=task.folder,
            function=function,
            changed_ns=path.stat().st_mtime_ns,
            seconds=own.seconds,
            memory_mb=own.memory_mb,
            python=own.python,
            folders=own.folders,
            max_bytes=task.submission.max_bytes,
            raw=task.data.ref if files else "",
            private=private,
            backend=backend,
        )

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{self.folder / 'grade.py'}: {self.function}"


@dataclass(frozen=True)
class Outcome:
    """What came of one call of a grader: a score, its own refusal, or how it failed."""

    score: float | None = None
    refusal: SubmissionError | None = None
    """In the grader's own words, meant for whoever handed the submission in."""
    failure: SubmissionError | None = None
    """In ours: what the grader's exception says may quote an answer."""
    detail: str = ""
    """All that is known of a failure; not for agents."""

    @property
    def graded(self) -> bool:
        """Whether there is a score that counts."""
        return self.score is not None and math.isfinite(self.score)

    @property
    def slow(self) -> bool:
        """Whether time ran out."""
        return self.failure is not None and self.failure.code == "too_slow"

    def told(self) -> str:
        """What happened, for the task's author."""
        if self.score is not None:
            return f"its score is {self.score}"
        return self.detail or str(self.refusal or self.failure)


class GraderSandbox:
    """The process that runs one ``grade.py``. Thread-safe: submissions wait for one another."""

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
        raise _refused(found)

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
        raise _refused(found)

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
                outcome = _died(f"{error}", memory=error.killed_by == "memory")
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
            run = box.execute(_ask(job(box)), timeout=PATIENCE * self.code.seconds)
        except BaseException:  # interrupted, perhaps in the middle of an exchange, or worse
            self.close()
            raise
        return self._outcome(run)

    def _outcome(self, run: Execution) -> Outcome:
        """Read one answer; after anything but an answer the process is not used again."""
        if run.exit_code == 0:
            reply = _reply(run.output)
            if reply is not None:
                return self._understood(reply)
        self.close()
        if run.killed_by == "timeout":
            return self._too_slow()
        return _died(_tail(run), memory=run.killed_by == "memory")

    def _understood(self, reply: dict[str, str]) -> Outcome:
        message = reply.get("message", "")
        if "score" in reply:
            try:
                return Outcome(score=float(reply["score"]))
            except ValueError:
                return _died(f"it answered {reply['score'][:100]!r}", memory=False)
        if "refused" in reply:
            return Outcome(refusal=SubmissionError(reply["refused"], message[:LONGEST_REASON]))
        if "raised" in reply:
            kind = TaskError if reply["raised"] == "TaskError" else DatasetError
            raise kind(message)
        kind_name = reply.get("failed", "")
        if kind_name == "SIGXCPU":
            return self._too_slow()
        note = f" ({kind_name})" if kind_name.isidentifier() else ""
        failure = SubmissionError("refused", f"the task's grader failed on this submission{note}")
        return Outcome(failure=failure, detail=message)

    def _too_slow(self) -> Outcome:
        took = f"grading took over {self.code.seconds:g} s"
        return Outcome(failure=SubmissionError("too_slow", took))

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
        box = backend.create(_config(code, backend))
        try:
            for name, content in _files(code):
                _put(box, name, content)
            run = box.execute(_START, timeout=max(LOAD_SECONDS, code.seconds))
            reply = _reply(run.output) if run.exit_code == 0 else None
            if reply is None:
                found = "took too long" if run.killed_by == "timeout" else _tail(run)
                raise TaskError(f"{code.folder / 'grade.py'}: can't be loaded: {found}")
            if "missing" in reply:
                raise TaskError(f"{code.folder / 'grade.py'}: {_lacks(code, reply['missing'])}")
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


# ---------------------------------------------------------------------------- what it is made of


def _backend(asked: str) -> Backend:
    """A sandbox that isolates; only where none can run, the one that was asked for by name."""
    try:
        return sandbox.get_backend("auto")
    except SandboxUnavailable:
        if asked == "auto":
            raise
        return sandbox.get_backend(asked)


def _config(code: GraderCode, backend: Backend) -> SandboxConfig:
    held = sum(path.stat().st_size for path in (PROGRAM, *_sources(code)) if path.is_file())
    if held > MOST_BYTES:
        raise TaskError(
            f"{code.folder}: the answers and the files beside grade.py hold {held:,} bytes; a "
            f"grader's sandbox takes {MOST_BYTES:,}"
        )
    for folder in code.folders:
        if not Path(folder).is_dir():
            raise TaskError(f"{code.folder / 'task.toml'}: grader.folders: no folder at {folder}")
    python = Path(code.python) if code.python and backend.name != "docker" else None
    if python is not None and not python.is_file():
        raise TaskError(f"{code.folder / 'task.toml'}: grader.python: no interpreter at {python}")
    return SandboxConfig(
        limits=Limits(memory_mb=code.memory_mb, disk_mb=64 + ((held + 5 * code.max_bytes) >> 20)),
        mounts=tuple(Mount(Path(f), f"folders/{Path(f).name}") for f in code.folders),
        python=python,
        all_packages=True,
        warm=False,
    )


def _sources(code: GraderCode) -> Iterator[Path]:
    """The files of the task's folder that the grader sees, and the private ones."""
    left_out = {code.folder / name for name in (*LEFT_OUT, code.raw) if name}
    for path in sorted(code.folder.rglob("*")):
        parts = path.relative_to(code.folder).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if path.is_file() and not hidden and left_out.isdisjoint((path, *path.parents)):
            yield path
    if code.private is not None:
        yield from (path for path in sorted(code.private.rglob("*")) if path.is_file())


def _files(code: GraderCode) -> Iterator[tuple[str, bytes]]:
    """What goes into the sandbox, by name there."""
    yield "grader_program.py", PROGRAM.read_bytes()
    request = {"function": code.function, "seconds": math.ceil(code.seconds), "tables": TABLES}
    yield "request.json", json.dumps(request).encode()
    yield "own/mle_gym/__init__.py", b""
    yield "own/mle_gym/integrations/__init__.py", b""
    for name in OWN:
        yield f"own/mle_gym/{name}", (PACKAGE / name).read_bytes()
    for path in _sources(code):
        if code.private is not None and path.is_relative_to(code.private):
            yield f"private/{path.relative_to(code.private)}", path.read_bytes()
        else:
            yield f"task/{path.relative_to(code.folder)}", path.read_bytes()


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
        raise SandboxCrashed(f"a file can't be put into the grader's sandbox: {_tail(run)}")


def _table_bytes(table: Table, rows: Values) -> bytes:
    """Some rows as JSON, which keeps integers, floats and text as they are."""
    chosen = {name: column[rows] for name, column in table.items()}
    columns = {name: (str(column.dtype), column.tolist()) for name, column in chosen.items()}
    return json.dumps(columns, ensure_ascii=False, separators=(",", ":")).encode()


# ------------------------------------------------------------------------------- what it answers


def _reply(output: bytes) -> dict[str, str] | None:
    """A line of JSON, an object of texts; None for anything else."""
    try:
        reply = json.loads(output)
    except (ValueError, RecursionError):
        return None
    fits = isinstance(reply, dict) and all(isinstance(value, str) for value in reply.values())
    return reply if fits else None


def _died(detail: str, *, memory: bool) -> Outcome:
    if memory:
        failure = SubmissionError("too_much_memory", "grading took more memory than it may have")
    else:
        failure = SubmissionError("refused", "the task's grader died of this submission")
    return Outcome(failure=failure, detail=detail or failure.message)


def not_finite(score: float) -> SubmissionError:
    """Why a submission with such a score is refused."""
    return SubmissionError("score_not_finite", f"the score of this submission is {score}")


def _refused(found: Outcome) -> SubmissionError:
    if found.score is not None:
        return not_finite(found.score)
    return found.refusal or found.failure or SubmissionError("refused", "it has no score")


def _tail(run: Execution) -> str:
    return run.output[-1000:].decode("utf-8", "replace").strip() or f"exit code {run.exit_code}"


def _lacks(code: GraderCode, module: str) -> str:
    from mle_gym.integrations.foreign import distribution_of

    python = code.python or "the grader's Python"
    install = f"pip install {distribution_of(module)}"
    return f"needs the Python module {module!r}, which {python} doesn't have: {install}"


# -------------------------------------------------------------------------------- which are alive

_known: weakref.WeakSet[GraderSandbox] = weakref.WeakSet()
_counting = threading.Lock()
_alive: list[GraderSandbox] = []
"""Those with a process, the one that was started last at the end."""


@lru_cache(maxsize=64)
def grader_sandbox(code: GraderCode) -> GraderSandbox:
    """This process's only one for that code."""
    return GraderSandbox(code)


def _keep(started: GraderSandbox) -> None:
    """Count one that has started, and end the oldest idle ones beyond the most that are kept."""
    with _counting:
        if started in _alive:
            _alive.remove(started)
        _alive.append(started)
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
