"""Which rows of real data are the canonical test rows: stored beside ``task.toml``.

Drawn once and by no seed, so that no program can repeat the draw. Competitions have none: their
split is the one that MLE-bench published.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.tables import digest
from mle_gym.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.tasks.spec import DataSpec, TaskSpec

__all__ = ["SPLIT_FILE", "StoredSplit", "needs_stored_split"]

SPLIT_FILE = "split.json"
DRAWN_BY = ("target", "test_size", "stratify", "group", "time")
"""Fields of ``[data]`` that decide what a valid split is."""


def needs_stored_split(data: DataSpec) -> bool:
    """Whether a task's rows are given and its split is declared, not made by ``prepare.py``."""
    return data.real and data.test_size is not None


@dataclass(frozen=True)
class StoredSplit:
    """The test rows of one table."""

    rows: int
    """Of the table."""
    digest: str
    """:func:`~mle_gym.datasets.tables.digest` of the raw table."""
    drawn_by: dict[str, Any]
    """The fields of ``[data]`` that it was drawn by."""
    test: list[int]
    """Positions of the test rows in the table, ascending."""

    @classmethod
    def of(cls, data: DataSpec, raw: pd.DataFrame, test: list[int]) -> StoredSplit:
        """The split of a raw table into these test rows and the others."""
        return cls(len(raw), digest(raw), _drawn_by(data), sorted(test))

    @classmethod
    def read(cls, task: TaskSpec) -> StoredSplit:
        """The split in a task's folder.

        Raises:
            DatasetError: There is none, it is damaged, or ``task.toml`` wants another.
        """
        file = task.folder / SPLIT_FILE
        try:
            split = cls(**json.loads(file.read_bytes()))
        except FileNotFoundError:
            raise DatasetError(
                f"{file}: expected the canonical split, found none; "
                f"`mle-gym validate-task {task.folder} --fix` draws it"
            ) from None
        except (OSError, ValueError, TypeError) as error:
            raise DatasetError(f"{file}: expected a stored split, found: {error}") from None
        split._check(file)
        if split.drawn_by != _drawn_by(task.data):
            raise split._other(file, str(_drawn_by(task.data)), str(split.drawn_by))
        return split

    def check(self, task: TaskSpec, raw: pd.DataFrame) -> None:
        """Check that the split is of this table.

        Raises:
            DatasetError: It is of another.
        """
        found = digest(raw)
        if (self.rows, self.digest) != (len(raw), found):
            file = task.folder / SPLIT_FILE
            drawn, given = ((self.rows, self.digest), (len(raw), found))
            described = ("{} rows with the digest {}".format(*each) for each in (given, drawn))
            raise self._other(file, *described)

    def write(self, folder: Path) -> Path:
        """Store it in a task's folder."""
        file = folder / SPLIT_FILE
        file.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        return file

    def _check(self, file: Path) -> None:
        test = self.test
        whole = isinstance(test, list) and all(type(row) is int for row in test)
        if not whole or type(self.rows) is not int or test != sorted(set(test)):
            raise DatasetError(f"{file}: expected positions of rows, ascending")
        if not test or not 0 <= test[0] <= test[-1] < self.rows or len(test) == self.rows:
            raise DatasetError(f"{file}: expected positions of some of {self.rows} rows")

    def _other(self, file: Path, given: str, drawn: str) -> DatasetError:
        return DatasetError(
            f"{file}: the split was drawn for {drawn}, and the data now are {given}; if that is "
            "meant, delete the file, raise the task's version, and `mle-gym validate-task "
            f"{file.parent} --fix` draws another"
        )


def _drawn_by(data: DataSpec) -> dict[str, Any]:
    return data.model_dump(mode="json", include=set(DRAWN_BY))
