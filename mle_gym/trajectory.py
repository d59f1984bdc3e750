"""Trajectories: one episode as JSONL, written as it happens and readable after any crash.

The first line (``header``) says what made the episode and holds the observation of ``reset``;
then comes one line a step and, when the episode ended, a ``footer`` with the grade::

    trajectory = Trajectory.read("runs/titanic.jsonl")
    trajectory.complete, trajectory.episode_return, trajectory.grade
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from mle_gym.errors import TrajectoryError

__all__ = [
    "FORMAT",
    "Step",
    "Trajectory",
    "TrajectoryWriter",
    "from_json",
    "to_json",
]

FORMAT: Final = 1
"""Version of the file format; a reader refuses files of a later one."""

_KINDS: Final = ("header", "step", "footer")
_DEEPEST: Final = 100
_LONGEST_INT: Final = 10_000  # bits; Python refuses to write or read 4,300 decimal digits


@dataclass(frozen=True)
class Step:
    """One step of an episode in plain values, with arrays only where the environment gave some."""

    action: Any
    observation: Any
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]
    time: float = 0.0
    """Seconds since the episode began, when the step was over."""


@dataclass(frozen=True)
class Trajectory:
    """One episode: who played what, every step, and how it ended."""

    header: dict[str, Any]
    """Versions, environment spec, task, variant, seed, options, agent, and the observation and
    info that ``reset`` gave."""
    steps: tuple[Step, ...] = ()
    footer: dict[str, Any] | None = None
    """Grade, return, duration; None when the run was ended before the episode was."""
    note: str = ""
    """Why a file holds no complete episode; empty when it does."""
    differences: tuple[str, ...] = field(default=(), compare=False)
    """Only after a replay: where it went another way than the recording."""

    @property
    def complete(self) -> bool:
        """Whether the episode was recorded to its end."""
        return self.footer is not None

    @property
    def episode_return(self) -> float:
        """The undiscounted sum of rewards."""
        return math.fsum(step.reward for step in self.steps)

    @property
    def grade(self) -> dict[str, Any] | None:
        """The grade that ended the episode (see :class:`mle_gym.grading.grader.Grade`), or None."""
        return self.steps[-1].info.get("grade") if self.steps else None

    @property
    def left(self) -> str | None:
        """Why the agent left before the environment ended the episode; None when it did not."""
        return self.footer.get("left") if self.footer else None

    @classmethod
    def read(cls, path: str | Path) -> Trajectory:
        """Read a file that :class:`TrajectoryWriter` wrote, or began to write.

        A last line that was cut in the middle (the run was killed) is left out and ``note`` says
        so.

        Raises:
            TrajectoryError: no trajectory at all, written by a later version, or damaged before
                its last line. The message begins with ``path:line:``.
            OSError: the file can't be read.
        """
        path = Path(path)
        lines, note = _whole_lines(path)
        if not lines or lines[0]["kind"] != "header":
            raise TrajectoryError(
                f"{path}:1: expected a trajectory's header line; {note or 'none'}"
            )
        if lines[0].get("format") != FORMAT:
            found = lines[0].get("format")
            raise TrajectoryError(f"{path}:1: format {found!r}; this version reads {FORMAT}")
        footer = lines.pop() if lines[-1]["kind"] == "footer" else None
        steps = tuple(_step(path, number, line) for number, line in enumerate(lines[1:], start=2))
        if footer is None and not note:
            note = f"{path}: ends after {len(steps)} steps without a footer: the run was stopped"
        return cls(lines[0], steps, footer, note)


class TrajectoryWriter:
    """Writes a trajectory line by line; each line is on disk when the call returns.

    The file must not exist: nothing recorded is ever overwritten. A writer that is closed before
    its first line leaves no file behind.

    Raises:
        FileExistsError: there is a file at ``path``.
        OSError: the folder can't be made, or the disk is full (the message names the file).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = self.path.open("xb")
        except FileExistsError as error:
            raise FileExistsError(
                error.errno, "there is a trajectory already; delete it or name another", str(path)
            ) from None

    def header(self, values: Mapping[str, Any]) -> None:
        """Write the first line."""
        self._line({"kind": "header", "format": FORMAT, **values})

    def step(self, step: Step) -> None:
        """Write one step."""
        self._line({"kind": "step", **vars(step)})

    def footer(self, values: Mapping[str, Any]) -> None:
        """Write the last line."""
        self._line({"kind": "footer", **values})

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._file.closed:
            return
        empty = self._file.tell() == 0
        self._file.close()
        if empty:
            self.path.unlink(missing_ok=True)

    def _line(self, values: Mapping[str, Any]) -> None:
        line = {key: to_json(value) for key, value in values.items()}
        try:
            self._file.write(json.dumps(line, allow_nan=False).encode("ascii") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error


def to_json(value: Any, *, depth: int = 0) -> Any:
    """Turn a value of any Gymnasium space into JSON's types so that :func:`from_json` restores it.

    Numpy scalars and 0-d arrays become numbers, other arrays ``{"$array": …, "dtype": …}``, NaN and
    the infinities ``{"$float": …}``, tuples lists; what has no JSON form, or is nested more than
    100 deep, becomes ``{"$repr": …}`` and stays that.
    """
    if isinstance(value, np.ndarray | np.generic):
        if value.ndim and value.dtype != object:
            return {"$array": to_json(value.tolist()), "dtype": value.dtype.str}
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, int) and value.bit_length() > _LONGEST_INT:
        return {"$int": hex(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if depth > _DEEPEST or not isinstance(value, list | tuple | Mapping):
        return {"$repr": object.__repr__(value) if depth > _DEEPEST else repr(value)}
    if isinstance(value, list | tuple):
        return [to_json(item, depth=depth + 1) for item in value]
    if any(not isinstance(key, str) or key.startswith("$") for key in value):
        items = [[key, item] for key, item in value.items()]
        return {"$dict": to_json(items, depth=depth + 1)}
    return {key: to_json(item, depth=depth + 1) for key, item in value.items()}


def from_json(value: Any) -> Any:
    """Undo :func:`to_json`."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return np.asarray(from_json(value["$array"]), dtype=value["dtype"])
    if "$float" in value:
        return float(value["$float"])
    if "$int" in value:
        return int(value["$int"], 16)
    if "$dict" in value:
        return {from_json(key): from_json(item) for key, item in value["$dict"]}
    return {key: from_json(item) for key, item in value.items()}


def _whole_lines(path: Path) -> tuple[list[dict[str, Any]], str]:
    """All lines parsed, and a note on the last one if it was cut and is left out."""
    raw = path.read_bytes().split(b"\n")
    if not raw[-1]:
        raw.pop()
    lines: list[dict[str, Any]] = []
    for number, content in enumerate(raw, start=1):
        try:
            lines.append(_parsed(content, after_footer=bool(lines) and _is_footer(lines[-1])))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if number < len(raw):
                raise TrajectoryError(f"{path}:{number}: damaged line: {error}") from error
            return lines, f"{path}:{number}: the last line is cut: the run was killed in that step"
    return lines, ""


def _parsed(content: bytes, *, after_footer: bool) -> dict[str, Any]:
    line = from_json(json.loads(content))
    if not isinstance(line, dict) or line.get("kind") not in _KINDS:
        raise ValueError(f"expected an object whose kind is one of {', '.join(_KINDS)}")
    if after_footer:
        raise ValueError("nothing may follow the footer")
    return line


def _is_footer(line: Mapping[str, Any]) -> bool:
    return bool(line["kind"] == "footer")


def _step(path: Path, number: int, line: dict[str, Any]) -> Step:
    values = {key: value for key, value in line.items() if key != "kind"}
    try:
        if line["kind"] != "step":
            raise TypeError(f"expected a step, found a second {line['kind']}")
        step = Step(**values)
        if not isinstance(step.reward, int | float) or not isinstance(step.info, dict):
            raise TypeError("expected a number as reward and an object as info")
        return step
    except TypeError as error:
        raise TrajectoryError(f"{path}:{number}: damaged line: {error}") from error
