"""What a ``generate.py`` may return in place of a table: a dataset's files in any layout.

Such a task has no source table that is split into rows. Its generator decides what the agent sees,
what stays private, and what a handed-in program is run on, and it knows which scores can be had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from mle_gym.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Instance", "check_paths"]

File: TypeAlias = Union["pd.DataFrame", str, bytes]
"""A table, written as CSV; a text, written as UTF-8; or the bytes themselves."""
Files: TypeAlias = Mapping[str, File]
"""By the path below a folder, ``/`` between its parts: ``"train.csv"``, ``"logs/day1.txt"``."""


@dataclass(frozen=True)
class Instance:
    """One variant of a generated task.

    >>> Instance(public={"train.csv": train, "test.csv": test}, answers=answers, ceiling=0.93)
    """

    public: Files
    """What the agent finds below ``data/``. The sample submission may be missing: it is made."""
    answers: pd.DataFrame | None = None
    """A perfect submission: its columns are those of the submission. None where only the task's
    own ``grade.py`` knows what is right, from the files in :attr:`private`."""
    private: Files = field(default_factory=dict)
    """Further files for ``grade.py``; no sandbox of an agent or of its program ever shows them."""
    inputs: Files = field(default_factory=dict)
    """What a handed-in program finds below ``data/`` beside the public files, or in their place.
    :attr:`public` then has examples under the same names, so that the program can be tried."""
    runs: Sequence[Files] = ()
    """In place of :attr:`inputs`, several sets of them: a program is run once, or more often, on
    each, in a fresh sandbox every time. Only where its submission declares no columns."""
    sample: File | Files | None = None
    """The sample submission for what is graded: a file, or those of a folder. None makes it: the
    answers' ids, with the sample value of each column."""
    train: str = "train.csv"
    """The public table that ``train_rows`` shortens; nothing is shortened where there is none."""
    floor: float | None = None
    """What knowing nothing scores. None measures it, with the sample submission and with guesses.
    A floor that is worse than the sample submission's score is not used."""
    reference: float | None = None
    """What the true model, or a careful expert, scores; for people and for checks."""
    ceiling: float | None = None
    """The best that can honestly be had. None measures it, by running ``solution.py``."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """``gold``, ``silver``, ``bronze`` and ``median`` of this variant, in place of the task's."""
    task: Mapping[str, Any] = field(default_factory=dict)
    """What ``task.toml`` and ``description.md`` say otherwise for this variant: ``title``,
    ``description``, ``kind``, and fields of ``data``, ``submission``, ``grade`` and ``limits``,
    such as ``{"grade": {"metric": "rmsle", "worst": 2.0, "best": 0.0}}``."""
    truth: Mapping[str, Any] = field(default_factory=dict)
    """Notes about how the variant was made: plain data, kept privately, for checks and people."""


def check_paths(where: object, files: Files, reserved: tuple[str, ...] = ()) -> None:
    """Check that the names stay below their folder, and that no file is another one's folder.

    Args:
        where: What the error names: a file and a field.
        files: The files by name.
        reserved: Names that the framework writes itself.

    Raises:
        DatasetError: Names the first path that doesn't fit.
    """
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents}
    for name in files:
        parts = name.split("/") if isinstance(name, str) else [""]
        odd = any(not part or part != part.strip(" .") for part in parts)
        if odd or any(character in name for character in "\\\0\n"):
            wanted = "a path below the folder whose parts begin and end with no dot"
            raise DatasetError(f"{where}: expected {wanted}, found {name!r}")
        if name in folders:
            raise DatasetError(f"{where}: {name!r} is a file and a folder")
        if name in reserved:
            raise DatasetError(f"{where}: {name!r} is written by mle_gym itself")
