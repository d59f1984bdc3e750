"""Plays programs in a task's real environment, many at a time, and keeps what came of it.

Every play is one episode: a program is run, then its submission is handed in. What it scored is
kept in the cache at once, so that a run that was interrupted continues where it ended, and another
run plays only what is new, and what had no score.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.anchors import read_known
from mle_gym.datasets.dataset import DatasetOptions, Size
from mle_gym.datasets.keys import secret_fingerprint
from mle_gym.datasets.prepare import prepare, task_digest
from mle_gym.errors import SandboxError
from mle_gym.make_env import make
from mle_gym.ownership import checked_cache

if TYPE_CHECKING:
    from mle_gym.env import MLEEnv
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Play", "Played", "play_all"]

VALIDATION = re.compile(r"^validation: *(\S+)\s*$")
FOLDER = "programs"
"""In the cache, with a file for each state of a task."""
FORMAT = 1
"""Raised whenever a play would be measured differently than before."""


@dataclass(frozen=True)
class Play:
    """One program on one variant."""

    program: str
    """Its name, for people."""
    command: str
    variant: int
    size: Size
    difficulty: float
    file: str = ""
    """A file of the task's folder that is put into the workspace first."""
    interval: bool = False
    """Whether the score's interval is wanted, too."""


@dataclass(frozen=True)
class Played:
    """What came of a play."""

    problem: str
    """Why there is no score; empty if there is one."""
    score: float | None
    floor: float | None
    ceiling: float | None
    anchored: float
    """From 0 to 1; 0 without a score."""
    interval: tuple[float, float] | None
    validation: float | None
    """What the program printed as its own estimate."""
    cpu_seconds: float
    """Of the program, and of grading what it handed in."""
    solution: str = ""
    """A digest of the solution, if the ceiling is its score."""

    def place(self, score: float | None) -> float | None:
        """Where a score lies between floor and ceiling, also beyond them."""
        if score is None or self.floor is None or self.ceiling is None:
            return None
        width = self.ceiling - self.floor
        return (score - self.floor) / width if width else None


def play_all(
    task: TaskSpec,
    plays: Sequence[Play],
    *,
    workers: int,
    sandbox: str = "auto",
    on_played: Callable[[Play, int], None] = lambda play, left: None,
) -> list[Played]:
    """Play what isn't in the cache; the results of all, in order.

    Args:
        task: The task.
        plays: What to play.
        workers: How many episodes run at a time.
        sandbox: Name of the sandbox backend.
        on_played: Called after each play with the number that is left, and before the first one.

    Raises:
        SandboxError: The machinery failed in an episode. What was played is kept.
        TaskError: The task's reference solution fails, so that there is no ceiling.
        DatasetError: A variant can't be prepared.
        KeyboardInterrupt: Ctrl-C. What was played is kept.
    """
    kept = _Kept(task)
    known = {play: found for play in plays if (found := kept.find(play)) is not None}
    missing = [play for play in dict.fromkeys(plays) if play not in known]
    if plays:
        on_played(plays[0], len(missing))
    with _Stage(task, workers, sandbox) as stage:
        for left, (play, played) in enumerate(stage.play(missing), start=1):
            kept.add(play, played)
            known[play] = played
            on_played(play, len(missing) - left)
    return [known[play] for play in plays]


class _Stage:
    """Threads with an episode each; leaving it ends the episodes that still run."""

    def __init__(self, task: TaskSpec, workers: int, sandbox: str) -> None:
        self._task, self._sandbox = task, sandbox
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="play")
        self._lock = threading.Lock()
        self._running: set[MLEEnv] = set()
        self._closed = False

    def __enter__(self) -> _Stage:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed, running = True, list(self._running)
        self._pool.shutdown(wait=False, cancel_futures=True)
        for env in running:
            env.close()
        self._pool.shutdown()

    def play(self, plays: Iterable[Play]) -> Iterable[tuple[Play, Played]]:
        """Each play with its result, in the order in which they end."""
        waiting: dict[Future[Played], Play] = {
            self._pool.submit(self._play, play): play for play in plays
        }
        for future in as_completed(waiting):
            yield waiting[future], future.result()

    def _play(self, play: Play) -> Played:
        reward = "milestones" if play.interval else "anchored"  # the first measures the interval
        env = make(
            str(self._task.folder),
            variant=play.variant,
            size=play.size,
            difficulty=play.difficulty,
            reward=reward,
            sandbox=self._sandbox,
        )
        with self._lock:
            if self._closed:
                raise SandboxError("interrupted before the episode began")
            self._running.add(env)
        try:
            return _episode(env, self._task, play)
        finally:
            env.close()
            with self._lock:
                self._running.discard(env)


def _episode(env: MLEEnv, task: TaskSpec, play: Play) -> Played:
    env.reset(seed=0)
    actions: list[Any] = [play.command, {"tool": "submit"}]
    if play.file:
        content = (task.folder / play.file).read_text(encoding="utf-8")
        actions.insert(0, {"tool": "write_file", "path": play.file, "content": content})
    cpu, output, code = 0.0, "", 0
    for action in actions:
        started = time.thread_time()
        observation, _, terminated, truncated, info = env.step(action)
        cpu += info["execution"]["cpu_seconds"] + time.thread_time() - started
        if action == play.command:
            output, code = observation["output"], int(observation["exit_code"])
        if terminated or truncated:
            break
    if info["failure"] is not None:
        raise SandboxError(f"{play.program}, variant {play.variant}: {info['failure']}")
    return _played(task, play, info.get("grade") or {}, output, code, cpu)


def _played(
    task: TaskSpec, play: Play, grade: dict[str, Any], output: str, code: int, cpu: float
) -> Played:  # fmt: skip
    problem = grade.get("error_message") or ""
    if code != 0:
        problem = f"exit code {code}: {output[-300:].strip()}"
    elif grade.get("score") is None:
        problem = problem or "nothing was graded"
    interval = grade.get("score_ci")
    options = DatasetOptions(play.variant, size=play.size, difficulty=play.difficulty)
    known = read_known(prepare(task, options).public.parent)
    return Played(
        problem=problem,
        score=grade.get("score"),
        floor=grade.get("floor"),
        ceiling=grade.get("ceiling"),
        anchored=float(grade.get("anchored") or 0.0),
        interval=None if interval is None else (interval[0], interval[1]),
        validation=_validation(output),
        cpu_seconds=cpu,
        solution=_digest_of(task, "solution.py") if known.ceiling is None else "",
    )


def _validation(output: str) -> float | None:
    """What a program printed as its last line: ``validation: 0.42``."""
    lines = output.strip().splitlines()
    found = VALIDATION.match(lines[-1]) if lines else None
    if found is None:
        return None
    with suppress(ValueError):
        return float(found[1])
    return None


class _Kept:
    """The results of earlier plays of the same task: a file with a line for each."""

    def __init__(self, task: TaskSpec) -> None:
        self._task = task
        state = f"{FORMAT} {task_digest(task)} {secret_fingerprint()}"
        name = f"{task.id}-{hashlib.sha256(state.encode()).hexdigest()[:16]}.jsonl"
        self._path = checked_cache(FOLDER) / name
        self._found: dict[str, dict[str, Any]] = {}
        with suppress(OSError):
            for line in self._path.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):  # the last line of a run that was killed
                    content = json.loads(line)
                    self._found[content.pop("play")] = content

    def find(self, play: Play) -> Played | None:
        content = self._found.get(self._key(play))
        if content is None or content.keys() != {field.name for field in fields(Played)}:
            return None
        if content["solution"] not in ("", _digest_of(self._task, "solution.py")):
            return None
        interval = content["interval"]
        return Played(**content | {"interval": None if interval is None else tuple(interval)})

    def add(self, play: Play, played: Played) -> None:
        """Keep a score. What has none is played again: a machine's trouble can look like that."""
        if played.problem:
            return
        line = json.dumps({"play": self._key(play), **asdict(played)})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def _key(self, play: Play) -> str:
        """A program's name doesn't matter, but its file's content does."""
        parts = asdict(play) | {"program": "", "file": _digest_of(self._task, play.file)}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _digest_of(task: TaskSpec, name: str) -> str:
    path = task.folder / name
    if not name or not path.is_file():
        return ""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
