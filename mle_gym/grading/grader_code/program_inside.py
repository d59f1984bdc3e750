"""Runs a task's ``grade.py`` inside the grader's own sandbox, for many submissions in a row.

It uses only the standard library, so that any Python from 3.8 on runs it; ``grade.py`` may import
more. It reads lines of JSON from its standard input and answers each with a line on its standard
output. The code is loaded once. Each submission is graded in a fork, which leaves nothing for the
next one: no changed global, no thread, no background process.
"""

from __future__ import annotations

import ctypes
import dis
import inspect
import json
import math
import numbers
import os
import resource
import shutil
import signal
import stat
import sys
import time
from pathlib import Path
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Reply = dict[str, str]

LONGEST_LINE = 4000
"""Bytes of a reply: up to this length, a pipe receives it in one piece."""
LONGEST_MESSAGE = 1000
SWEEP_SECONDS = 5.0
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
ISOLATED = Path("/workspace")
"""The working directory in an isolating sandbox."""
PLACES = (".", "/tmp", "/dev/shm")
"""Where a submission could leave something for the next one. Without isolation only the first of
these is the sandbox's own."""
COMING = ("./handed", "./handed.json", "./outcome.json")
"""Files that are written and deleted for each submission."""
LOG = "./log"


class LoadedCode:
    """A loaded ``grade.py`` and the answers that it grades against."""

    def __init__(self, folder: Path, request: dict[str, Any]) -> None:
        self.folder, self.request = folder, request
        self.file = folder / "task" / "grade.py"
        self.function = load(self.file, request["function"])
        self.wants_private = len(inspect.signature(self.function).parameters) > 2
        """Whether a function of tables also gets the private files."""
        self.answers: dict[int, Any] = {}
        """Tables by number, newest last."""

    def prepare(self, job: dict[str, Any]) -> None:
        """Read the answers of a job, once for all jobs that name them."""
        number = job.get("answers")
        if number is None or number in self.answers:
            return
        file = self.folder / f"answers-{number}.json"
        self.answers[number] = read_table(file)
        file.unlink()
        while len(self.answers) > self.request["tables"]:
            oldest = next(iter(self.answers))
            del self.answers[oldest]
            shutil.rmtree(self.folder / f"private-{oldest}", ignore_errors=True)

    def grade(self, job: dict[str, Any]) -> Reply:
        """The reply for one submission."""
        try:
            result = self.function(*self.arguments(job))
        except BaseException as error:  # SystemExit too: it says nothing else about a submission
            return self.refusal(error)
        parts: Any = {}
        if isinstance(result, tuple) and len(result) == 2:
            result, parts = result
        if isinstance(result, bool) or not isinstance(result, numbers.Real):
            return {"failed": "", "message": f"expected a number, found {type(result).__name__}"}
        try:
            return {"score": repr(float(result)), "parts": parts_as_json(parts)}
        except (ValueError, TypeError, AttributeError) as error:
            return {"failed": "", "message": f"parts of the score: {error}"}

    def arguments(self, job: dict[str, Any]) -> tuple[Any, ...]:
        """The function's arguments; a control grades the answers themselves."""
        if "folder" in job:
            return self.folder / "handed", self.folder / "private"
        if "file" in job:
            return self.folder / "handed" / job["file"], self.folder / "private"
        answers = self.answers[job["answers"]]
        handed = answers if job["control"] else read_table(self.folder / "handed.json")
        given = self.folder / f"private-{job['answers']}"
        return handed.copy(), answers.copy(), *([given] if self.wants_private else [])

    def refusal(self, error: BaseException) -> Reply:
        """Separate what ``grade.py`` says on purpose from errors that may quote an answer."""
        message = str(error)[:LONGEST_MESSAGE]
        known = sys.modules.get("mle_gym.errors")
        if known is not None:
            if isinstance(error, known.SubmissionError):
                return {"refused": str(error.code), "message": message}
            if isinstance(error, (known.TaskError, known.DatasetError)):
                return {"raised": type(error).__name__, "message": message}
        if isinstance(error, ValueError) and self.says_so_itself(error):
            return {"refused": "refused", "message": message}
        return {"failed": type(error).__name__, "message": repr(error)[:LONGEST_MESSAGE]}

    def says_so_itself(self, error: BaseException) -> bool:
        """Whether a ``raise`` in ``grade.py`` made the error, and not, say, a ``float("…")``."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is None or trace.tb_frame.f_code.co_filename != str(self.file):
            return False
        return trace.tb_frame.f_code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def parts_as_json(parts: Any) -> str:
    """The named parts of a score, each a finite number or a short text."""
    shown = {}
    for name, part in parts.items():
        text = isinstance(part, str)
        shown[str(name)[:40]] = part[:100] if text else float(part)
        if not text and not math.isfinite(float(part)):
            raise ValueError(f"{name}: expected a finite number, found {part}")
    if len(shown) > 20:
        raise ValueError(f"expected at most 20, found {len(shown)}")
    return json.dumps(shown)


def load(file: Path, name: str) -> Callable[..., object]:
    """The function of that name, from a run of the file."""
    module = ModuleType("grade")
    module.__file__, module.__package__ = str(file), module.__name__
    module.__path__ = [str(file.parent)]  # where Python looks for its neighbours
    sys.modules[module.__name__] = module  # dataclasses and pickle look their module up
    exec(compile(file.read_bytes(), str(file), "exec"), module.__dict__)
    function = getattr(module, name, None)
    if not callable(function):
        raise NoFunction(f"{name}: expected a function of that name, found none")
    found: Callable[..., object] = function
    return found


def read_table(file: Path) -> Any:
    """A table as the host writes it; text stays object in every version of pandas."""
    # A grader of files may need no pandas, and its Python may have none.
    import pandas as pd

    columns = json.loads(file.read_bytes())
    return pd.DataFrame(
        {name: pd.Series(values, dtype=dtype) for name, (dtype, values) in columns.items()}
    )


def main() -> None:
    """Serve the host until this process is killed."""
    pipes = Pipes()
    folder = Path.cwd()
    request = json.loads((folder / "request.json").read_bytes())
    sys.path[0] = str(folder / "own")  # not this file's folder, which submissions come to
    sys.path += [str(folder / "task"), str(folder / "folders")]
    sys.dont_write_bytecode = True
    process_control(PR_SET_CHILD_SUBREAPER, 1)  # a submission's orphans become our children
    process_control(PR_SET_DUMPABLE, 0)  # no submission may read this process's memory
    try:
        grader = LoadedCode(folder, request)
    except BaseException as error:
        pipes.answer(unloadable(error))
        return
    pipes.answer({"ready": "yes"})
    for line in pipes.asked:
        job = json.loads(line)
        reply, is_clean = attempt(grader, job, pipes)
        pipes.answer({**reply, "job": job["job"]})
        if not is_clean:
            return  # the host starts a fresh process for the next submission


def unloadable(error: BaseException) -> Reply:
    """The reply if the function can't be loaded."""
    if isinstance(error, ModuleNotFoundError):
        return {"missing": str(error.name), "message": str(error)}
    known = isinstance(error, NoFunction)
    message = str(error) if known else f"expected Python that runs: {error!r}"
    return {"broken": "grade.py", "message": message[:LONGEST_MESSAGE]}


class NoFunction(Exception):
    """The file runs, but has no function of that name."""


class Pipes:
    """The two pipes to the host, away from the standard streams that ``grade.py`` may use."""

    def __init__(self) -> None:
        self.asked = os.fdopen(os.dup(0), encoding="utf-8")
        self._answer = os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.close(null)

    def answer(self, reply: Reply) -> None:
        """Write one line, whole."""
        while len(line := json.dumps(reply).encode() + b"\n") > LONGEST_LINE:
            longest = max(reply, key=lambda key: len(reply[key]))
            reply = {**reply, longest: reply[longest][: len(reply[longest]) // 2]}
        os.write(self._answer, line)

    def close(self) -> None:
        """Close them, in a fork."""
        os.close(self.asked.fileno())
        os.close(self._answer)


def attempt(grader: LoadedCode, job: dict[str, Any], pipes: Pipes) -> tuple[Reply, bool]:
    """Grade in a fork and delete what it leaves behind; also returns whether that succeeded."""
    outcome = grader.folder / "outcome.json"
    outcome.unlink(missing_ok=True)
    try:
        grader.prepare(job)
    except Exception as error:
        return {"failed": type(error).__name__, "message": repr(error)[:LONGEST_MESSAGE]}, True
    before = traces()
    child = os.fork()
    if child == 0:
        process_control(PR_SET_DUMPABLE, 1)  # the fork may use its own /proc/self again
        pipes.close()
        grade_and_leave(grader, job, outcome)
    _, status = os.waitpid(child, 0)
    sweep()
    reply = outcome_of(status, outcome)
    return reply, clear_away(before)


def outcome_of(status: int, outcome: Path) -> Reply:
    """The reply that the fork wrote before it ended."""
    if os.WIFSIGNALED(status):
        return {"failed": signal.Signals(os.WTERMSIG(status)).name, "message": "it was killed"}
    try:
        found = json.loads(outcome.read_bytes())
        return {str(key): str(value) for key, value in found.items()}
    except (OSError, ValueError, AttributeError):
        return {"failed": "", "message": f"it ended by itself, status {status}, without a score"}


def grade_and_leave(grader: LoadedCode, job: dict[str, Any], outcome: Path) -> None:
    """In the fork: grade, write the reply, and exit immediately."""
    try:
        os.dup2(0, 2)
        seconds = grader.request["seconds"]
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        outcome.write_text(json.dumps(grader.grade(job)), encoding="utf-8")
    finally:
        os._exit(0)


def process_control(option: int, value: int) -> None:
    """Set an attribute of this process, where Linux can."""
    try:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError):
        return


def traces() -> dict[str, tuple[int, ...]]:
    """The files and folders where a submission can write, with each file's time of change.

    An unprivileged process can't set that time.
    """
    found = {}
    for place in PLACES if Path.cwd() == ISOLATED else PLACES[:1]:
        for folder, folders, names in os.walk(place):
            for name in (*folders, *names):
                path = f"{folder}/{name}"
                status = os.lstat(path)
                is_file = stat.S_ISREG(status.st_mode) and path != LOG
                changed = (status.st_size, status.st_ctime_ns) if is_file else ()
                found[path] = (status.st_ino, status.st_mode, *changed)
    return found


def clear_away(before: dict[str, tuple[int, ...]]) -> bool:
    """Delete what was not there before, and return whether everything else is unchanged.

    Nothing runs any more, so one look is enough; with many answers each look takes long.
    """
    found = traces()
    for path in map(Path, (*COMING, *(path for path in found if path not in before))):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        if os.path.lexists(path):
            return False
    coming = tuple(f"{path}/" for path in COMING)
    kept = {k: v for k, v in before.items() if k not in COMING and not k.startswith(coming)}
    return {path: trace for path, trace in found.items() if path in kept} == kept


def sweep() -> None:
    """Kill every child. If they fork faster than they die, exit: the host starts again."""
    deadline = time.monotonic() + SWEEP_SECONDS
    while children := living_children():
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)
        if time.monotonic() > deadline:
            os._exit(1)


def living_children() -> list[int]:
    """The pids of this process's children, zombies included."""
    try:
        return [
            int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        ]
    except OSError:
        return []


if __name__ == "__main__":
    main()
