"""The two scores that a dataset's scores are measured against, kept beside its files.

Whoever can grade measures them (:mod:`mle_gym.grading.graders.grader`,
:mod:`mle_gym.episode.reference_programs`); here they are values, and a small file. Measured once by
whichever process needs them first, and again when what measured them has changed.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mle_gym.file_lock import file_lock

__all__ = ["Anchors", "measuring", "read_anchors", "read_known", "record_anchors", "record_known"]

FILE = "anchors.json"
"""In a dataset's folder, beside ``public`` and ``private``."""
KNOWN = "known"
"""The entry for what a generator knows, beside one for each kind of grading."""


@dataclass(frozen=True)
class Anchors:
    """What knowing nothing scores, and the best that can honestly be had."""

    floor: float | None = None
    """The better of the sample submission's score and what guesses reach; None until measured."""
    ceiling: float | None = None
    """The reference solution's score on this variant, a competition's gold threshold, or the task's
    declared best where there is neither; None until it is measured. A generator may know it."""
    reference: float | None = None
    """What the true model or a careful expert scores, where a generator says so."""

    def place(self, score: float) -> float | None:
        """Where a score lies between them: 0 at the floor or below, 1 at the ceiling or above.

        Better than the ceiling counts as 1: the ceiling may lie close to the floor, where a lucky
        row would otherwise be worth more than an honest model elsewhere.
        """
        if self.floor is None or self.ceiling is None or self.floor == self.ceiling:
            return None
        share = (score - self.floor) / (self.ceiling - self.floor)
        return min(max(share, 0.0), 1.0)


def read_anchors(folder: Path, grader: str = "strict", made_by: str | None = None) -> Anchors:
    """The anchors that were recorded for a dataset's folder; None for what wasn't.

    Args:
        folder: The dataset's folder.
        grader: The kind of grading they were measured with.
        made_by: What measures them today; what something else measured doesn't count. None takes
            whatever was recorded.
    """
    entry = _read(folder).get(grader)
    if not isinstance(entry, dict) or made_by not in (None, entry.get("made_by")):
        return Anchors()
    return _anchors(entry)


def read_known(folder: Path) -> Anchors:
    """What the generator of a dataset knew when it was made; it is never measured."""
    entry = _read(folder).get(KNOWN)
    return _anchors(entry) if isinstance(entry, dict) else Anchors()


def record_known(folder: Path, anchors: Anchors) -> None:
    """Keep what a generator knows in the folder of a dataset that is being made."""
    if anchors != Anchors():
        (folder / FILE).write_text(json.dumps({KNOWN: asdict(anchors)}), encoding="utf-8")


def record_anchors(folder: Path, grader: str, made_by: str, anchors: Anchors) -> None:
    """Keep anchors beside the dataset; where nothing can be written they are measured again."""
    content = _read(folder) | {grader: asdict(anchors) | {"made_by": made_by}}
    with suppress(OSError):
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".anchors-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file)
            Path(name).replace(folder / FILE)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def measuring(folder: Path) -> Iterator[None]:
    """Held while a dataset's anchors are measured, so that a hundred workers measure once."""
    lock = file_lock(folder.with_name(f"{folder.name}.anchors.lock"))
    try:
        lock.acquire()
    except OSError:  # a cache that can't be written: each process measures for itself
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _read(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _anchors(entry: dict[str, Any]) -> Anchors:
    names = ("floor", "ceiling", "reference")
    return Anchors(*(_number(entry.get(name)) for name in names))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and value == value else None
