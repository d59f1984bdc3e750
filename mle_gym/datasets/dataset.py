"""What agents get and graders keep: a task's public and private folder, prepared once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from mle_gym.datasets import cache
from mle_gym.datasets.anchors import Anchors, read_anchors
from mle_gym.errors import DatasetError

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = [
    "CANONICAL",
    "HIDDEN",
    "MLE_BENCH",
    "RUNS",
    "SIZES",
    "TRUTH",
    "Dataset",
    "DatasetOptions",
    "Size",
]

Size = Literal["micro", "small", "full"]
SIZES: tuple[Size, ...] = get_args(Size)
"""How much there is to learn from in a generated dataset, least first."""

HIDDEN = "hidden"
"""The folder of a dataset that only handed-in programs see, beside ``public`` and ``private``."""
RUNS = "runs"
"""Beside them, a folder for each set of inputs that a handed-in program is run on, ``1`` first."""
TRUTH = "truth.json"
"""In the private folder of a freely laid out dataset: its structure, and the generator's notes."""
MLE_BENCH = "mle_bench.csv"
"""Beside ``answers.csv``: MLE-bench's own answers where ours have other rows; for parity."""


@dataclass(frozen=True)
class DatasetOptions:
    """Which dataset of a task."""

    variant: int = 0
    """0 for the canonical split; every other integer is another split, or fresh data."""
    train_rows: int | None = None
    """Keep so many training rows, or all where there are fewer; a smaller number keeps a part of a
    larger one's."""
    obfuscate: bool = False
    """Replace names that a model may have memorised by codes."""
    size: Size = "small"
    """How much data a generator makes."""
    difficulty: float = 0.5
    """How hard a generator makes them, from 0 to 1."""

    @property
    def plain(self) -> DatasetOptions:
        """The same rows to predict, with all training rows and real names."""
        return DatasetOptions(self.variant, size=self.size, difficulty=self.difficulty)


@dataclass(frozen=True)
class Dataset:
    """One prepared dataset."""

    task: TaskSpec
    """The task as it applies to these files: codes instead of names when obfuscated."""
    options: DatasetOptions
    public: Path
    """What the agent sees: train.csv, test.csv, sample_submission.csv, description.md, …"""
    private: Path
    """answers.csv, a perfect submission with a last column ``Usage``. Never in any sandbox."""
    digest: str
    """SHA-256 of everything that decides what the files hold."""

    @property
    def inputs(self) -> Path:
        """The public files with the rows to predict.

        The public folder itself, unless programs are handed in: then only they see this one.
        """
        hidden = self.public.parent / HIDDEN
        whole = not self.task.submission.columns and not hidden.is_dir()
        return self.public if self.task.submission.code is None or whole else hidden

    @property
    def input_sets(self) -> tuple[Path, ...]:
        """What a handed-in program is run on, one after the other."""
        folder = self.public.parent / RUNS
        if not folder.is_dir():
            return (self.inputs,)
        return tuple(sorted(folder.iterdir(), key=lambda path: int(path.name)))

    @property
    def manifest(self) -> dict[str, Any]:
        """What is known of the public files without opening them: rows, columns, sizes.

        Raises:
            DatasetError: The files were deleted or damaged since they were prepared.
        """
        found = cache.read(self.public.parent)
        if found is None:
            raise DatasetError(f"{self.public.parent}: damaged; prepare this dataset again")
        return found

    @property
    def anchors(self) -> Anchors:
        """Floor and ceiling of its scores, as far as they have been measured."""
        return read_anchors(self.public.parent)

    def check(self) -> None:
        """Make sure that the files are still there; raises as :attr:`manifest`."""
        _ = self.manifest


CANONICAL = DatasetOptions()
