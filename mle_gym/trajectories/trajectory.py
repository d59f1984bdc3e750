"""Trajectories: one episode as JSONL, written as it happens and readable after any crash.

The first line (``header``) says what made the episode and contains the observation of ``reset``.
One line for each step follows and, if the episode ended, a ``footer`` with the grade and the
submission. Every line has a hash of itself and of all lines before it
(:mod:`mle_gym.trajectories.hash_chain`)::

    trajectory = Trajectory.read("runs/titanic.jsonl")
    trajectory.complete, trajectory.episode_return, trajectory.grade
"""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from mle_gym.errors import TrajectoryError
from mle_gym.regular_files import open_regular
from mle_gym.trajectories.hash_chain import Chain, canonical
from mle_gym.trajectories.redaction import Redact
from mle_gym.trajectories.space_json import Decoder, to_json

__all__ = ["FORMAT", "Difference", "Line", "Step", "Trajectory", "TrajectoryWriter", "read_lines"]

FORMAT: Final = 2
"""The version of the file format. A reader refuses files of a later one. Format 1 had no hashes, no
stored submission, and fewer fields in its header."""

MOST_FILE_BYTES: Final = 256 * 2**20
MOST_LINE_BYTES: Final = 64 * 2**20
"""The largest file, and the longest line, that is read. The longest lines contain a submission and
a program."""
MOST_BYTES: Final = 128 * 2**20
"""The most memory for a file's values, texts not included. Usual records need less than 1 MiB."""

_KINDS: Final = ("header", "step", "footer")


@dataclass(frozen=True)
class Step:
    """One step of an episode in plain values, with arrays only where the environment had arrays."""

    action: Any
    observation: Any
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]
    time: float = 0.0
    """Seconds from the beginning of the episode to the end of the step."""
    turn: dict[str, Any] | None = None
    """What the agent said of the action: a model's tokens, cost and time, say."""


@dataclass(frozen=True)
class Difference:
    """Where a replay differs from its recording."""

    where: str
    """Such as ``step 3.observation.output``."""
    then: Any
    """What was recorded, as JSON has it."""
    now: Any

    def __str__(self) -> str:
        return f"{self.where}: {_short(self.then)} became {_short(self.now)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:100]} … {text[-99:]}"


@dataclass(frozen=True)
class Trajectory:
    """One episode: who played what, every step, and how it ended."""

    header: dict[str, Any]
    """Versions, environment spec, task, variant, seed, options, agent, and the observation and
    info that ``reset`` returned."""
    steps: tuple[Step, ...] = ()
    footer: dict[str, Any] | None = None
    """Grade, return, duration; None if the run stopped before the episode ended."""
    note: str = ""
    """Why the file has no complete episode; empty if it has one."""
    head: str = field(default="", compare=False)
    """The last line's hash, which stands for the whole file; empty if nothing was written."""
    differences: tuple[Difference, ...] = field(default=(), compare=False)
    """Only after a replay: where it differed from the recording."""

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
        """The grade that ended the episode (see :class:`mle_gym.Grade`), or None."""
        return self.steps[-1].info.get("grade") if self.steps else None

    @property
    def failure(self) -> dict[str, Any] | None:
        """Why there is no valid reward (see :class:`mle_gym.episode.failures.Failure`), or None."""
        return self.steps[-1].info.get("failure") if self.steps else None

    @property
    def left(self) -> str | None:
        """Why the agent left before the environment ended the episode; None if it did not leave."""
        return self.footer.get("left") if self.footer else None

    @classmethod
    def read(cls, path: str | Path) -> Trajectory:
        """Read a file that :class:`TrajectoryWriter` wrote, or began to write.

        If the last line was cut in the middle (the run was killed), it is left out, and ``note``
        says so.

        The hashes are not checked: :func:`mle_gym.verify_trajectory` does that.

        Raises:
            TrajectoryError: The file is not a trajectory, was written by a later version, or is
                damaged before its last line. The message begins with ``path:line:``.
            OSError: The file can't be read.
        """
        return cls.from_lines(*read_lines(path), path)

    @classmethod
    def from_lines(cls, lines: list[Line], note: str, path: str | Path) -> Trajectory:
        """The trajectory in the lines that :func:`read_lines` returned for ``path``.

        Raises:
            TrajectoryError: As for :meth:`read`.
        """
        values = [line.values for line in lines]
        if not values or values[0]["kind"] != "header":
            raise TrajectoryError(
                f"{path}:1: expected a trajectory's header line; {note or 'none'}"
            )
        found = values[0].get("format")
        if type(found) is not int or not 1 <= found <= FORMAT:
            raise TrajectoryError(f"{path}:1: format {found!r}; this version reads 1 to {FORMAT}")
        footer = values.pop() if values[-1]["kind"] == "footer" else None
        steps = tuple(_step(path, number, line) for number, line in enumerate(values[1:], start=2))
        if footer is None and not note:
            note = f"{path}: ends after {len(steps)} steps without a footer: the run was stopped"
        return cls(values[0], steps, footer, note, lines[-1].hash)


class TrajectoryWriter:
    """Writes a trajectory line by line; each line is on disk when the call returns.

    The file must not exist, since nothing recorded is ever overwritten. A writer that is closed
    before its first line leaves no file behind.

    Args:
        path: The new file.
        key: Makes the hash chain an HMAC, which nobody can compute without the key.
        redact: Applied to everything that is written (:mod:`mle_gym.trajectories.redaction`).

    Raises:
        FileExistsError: There is a file at ``path``.
        OSError: The folder can't be made, or the disk is full (the message names the file).
        ValueError: The key is too short.
    """

    def __init__(
        self, path: str | Path, *, key: bytes | None = None, redact: Redact | None = None
    ) -> None:
        self.path = Path(path)
        self._redact = redact
        self._chain = Chain(key)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = self.path.open("xb")
        except FileExistsError as error:
            raise FileExistsError(
                error.errno, "there is a trajectory already; delete it or name another", str(path)
            ) from None

    @property
    def head(self) -> str:
        """The hash of the last line; empty before the first."""
        return self._chain.head

    def header(self, values: Mapping[str, Any]) -> None:
        """Write the first line."""
        first = {"kind": "header", "format": FORMAT, "chain": self._chain.name}
        redacted = {} if self._redact is None else {"redacted": True}
        self._line({**values, **first, **redacted})

    def step(self, step: Step) -> None:
        """Write one step."""
        values = {name: value for name, value in vars(step).items() if name != "turn"}
        self._line({"kind": "step", **values, **({"turn": step.turn} if step.turn else {})})

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
        if self._redact is not None:
            line = {key: self._redact(value) for key, value in line.items()}
        line["hash"] = self._chain.add(line)
        try:
            self._file.write(json.dumps(line, allow_nan=False).encode("ascii") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error


class Line(NamedTuple):
    """One line of a file."""

    canonical: bytes
    """The form that is hashed (:func:`mle_gym.trajectories.hash_chain.canonical`)."""
    hash: str
    """The hash in the line; empty if it has none."""
    values: dict[str, Any]
    """The line's other fields."""


def read_lines(path: str | Path) -> tuple[list[Line], str]:
    """All lines parsed, and a note on the last one if it was cut and is left out.

    Even for a hostile file, this needs at most :data:`MOST_BYTES` of memory and a few times the
    file's size.

    Raises:
        TrajectoryError: A line is damaged, or the file is larger than any that a writer makes.
        OSError: The file can't be read.
    """
    lines: list[Line] = []
    decoder = Decoder(MOST_BYTES)
    with open_regular(Path(path)) as file:
        for number in itertools.count(1):
            content = file.readline(MOST_LINE_BYTES + 1)
            if not content:
                return lines, ""
            if len(content) > MOST_LINE_BYTES or file.tell() > MOST_FILE_BYTES:
                raise TrajectoryError(f"{path}:{number}: longer than a trajectory can be")
            try:
                after_footer = bool(lines) and lines[-1].values["kind"] == "footer"
                lines.append(_parsed(content, decoder, after_footer=after_footer))
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
                # Only the last line can lack its end, and only because the run was killed.
                if content.endswith(b"\n"):
                    raise TrajectoryError(f"{path}:{number}: damaged line: {error}") from error
                note = "the last line is cut: the run was killed in that step"
                return lines, f"{path}:{number}: {note}"
    return lines, ""


def _parsed(content: bytes, decoder: Decoder, *, after_footer: bool) -> Line:
    line, values = decoder.loads(content)
    if not isinstance(values, dict) or values.get("kind") not in _KINDS:
        raise ValueError(f"expected an object whose kind is one of {', '.join(_KINDS)}")
    if after_footer:
        raise ValueError("nothing may follow the footer")
    values.pop("hash", None)
    found = line.pop("hash", "")
    return Line(canonical(line), found if isinstance(found, str) else "", values)


def _step(path: str | Path, number: int, line: dict[str, Any]) -> Step:
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
