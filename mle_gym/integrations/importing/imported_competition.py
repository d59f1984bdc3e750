"""Prepares an imported competition, for its ``prepare.py``.

That file is a few lines that name a competition in another benchmark's checkout. The work is done
by that benchmark's own function, in a separate process. (The ``grade.py`` runs in a sandbox and
calls :mod:`mle_gym.integrations.importing.foreign_code_process` there.)
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_gym.datasets.sources.kaggle.archives import list_members, unpack
from mle_gym.errors import DatasetError
from mle_gym.integrations.importing.foreign_code import ForeignCode, Job, Result
from mle_gym.paths import below

__all__ = ["ImportedCompetition"]

SAMPLE = "sample_submission.csv"


@dataclass(frozen=True)
class ImportedCompetition:
    """One competition of a checkout, and how to prepare its data."""

    benchmark: str
    """``"mle-bench"`` or ``"mle-dojo"``."""
    root: str
    """The checkout."""
    competition: str
    prepare_function: str
    """As :mod:`~mle_gym.integrations.importing.foreign_code_process` expects it; empty for none."""
    sample: str
    """Its sample submission, below the dataset's folder: ``public/…`` or ``private/…``."""
    python: str = ""
    """A Python with the packages that the checkout requires; empty for this one."""
    digest: str = ""
    """The digest of the competition's code when it was imported. Datasets depend on it."""

    def prepare(self, raw: Path, public: Path, private: Path, rng: Any) -> None:
        """Run its preparation on a stand-in for the raw files, which it may change and delete.

        Raises:
            DatasetError: It failed, or can't be run here; the message says what to do.
        """
        if not self.prepare_function:
            raise DatasetError(
                f"{self.competition}: {self.benchmark} has no code that prepares it, only a stub; "
                "pass a folder of prepared data, with public and private, by --from"
            )
        with tempfile.TemporaryDirectory(dir=raw.parent, prefix=".foreign-") as scratch:
            stand_in = Path(scratch, "raw")
            self._imitate(raw, stand_in)
            folders = {"raw": stand_in, "public": public, "private": private}
            job: Job = {"do": "prepare", "function": self.prepare_function}
            job |= {name: str(folder.absolute()) for name, folder in folders.items()}
            (result,) = self._code.run([job])
            if "error" in result:
                raise DatasetError(f"{self.competition}: its preparation failed: {_error(result)}")
            for folder in (public, private):
                _materialize(folder)
        self.adopt(public, private)

    def adopt(self, public: Path, private: Path) -> None:
        """Give the sample submission the name that agents look for, if it has another one."""
        target = public / SAMPLE
        if target.exists():
            return
        source = below(public.parent, self.sample)
        for candidate in (source, private / source.name, public / source.name):
            if candidate.is_file():
                shutil.copyfile(candidate, target)
                return
        raise DatasetError(
            f"{self.competition}: its preparation made no {self.sample}; found "
            f"{', '.join(sorted(path.name for path in public.iterdir()))[:200]}"
        )

    @property
    def _code(self) -> ForeignCode:
        return ForeignCode(self.benchmark, Path(self.root), self.python or sys.executable)

    def _imitate(self, raw: Path, stand_in: Path) -> None:
        """Make folders of links to the files of ``raw``. A single archive of all is unpacked."""
        entries = [path for path in raw.iterdir() if not path.name.startswith(".")]
        archive = next(iter(entries), raw)
        if len(entries) == 1 and archive.name in (f"{self.competition}.zip", "data.zip"):
            stand_in.mkdir()
            unpack(archive, {each.name: each.name for each in list_members(archive)}, stand_in)
            return
        for top, folders, files in os.walk(raw, followlinks=True):
            folders[:] = [name for name in folders if not name.startswith(".archives")]
            here = stand_in / Path(top).relative_to(raw)
            here.mkdir()
            for name in files:
                (here / name).symlink_to(os.path.realpath(Path(top, name)))


def _materialize(folder: Path) -> None:
    """Replace links by copies, since the stand-in that they point to will be deleted."""
    for path in [path for path in folder.rglob("*") if path.is_symlink()]:
        real = Path(os.path.realpath(path))
        path.unlink()
        if real.is_dir():
            shutil.copytree(real, path)
        elif real.is_file():
            shutil.copyfile(real, path)


def _error(result: Result) -> str:
    return f"{result['type']}: {result['message']}"
