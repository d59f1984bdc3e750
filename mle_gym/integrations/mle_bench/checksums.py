"""Compares data with the checksums that MLE-bench publishes of them (its ``checksums.yaml``).

There is one MD5 for Kaggle's archive, and one for each table directly in the folders ``public`` and
``private`` that its preparation makes. Equal data are a condition for comparing scores with
published ones. They say nothing of images and sounds, which MLE-bench has no checksums of.

A built-in task makes tables of its own of the raw data, with the same rows and other bytes. So of
these the archive is compared, and the folders only if MLE-bench had prepared them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["CHECKSUMS", "Checked", "check_checksums", "published_checksums"]

FILE = Path(__file__).with_name("checksums.json")
CHECKSUMS = "checksums.json"
"""In the folder of an imported task: the checksums of its checkout."""
ARCHIVES = ("{name}.zip", "data.zip")
"""What Kaggle's archive is called, by MLE-bench and by us."""

Checksums = Mapping[str, Any]
"""``zip`` to a checksum, ``public`` and ``private`` to the checksum of each file by name."""
Pair = tuple[str, Path, str]
"""What is compared, where it is, and its checksum."""
_md5 = partial(hashlib.md5, usedforsecurity=False)


@dataclass(frozen=True)
class Checked:
    """What was compared, each named like ``zip`` or ``public/train.csv``."""

    matching: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Files that have a checksum and aren't there."""

    @property
    def sound(self) -> bool:
        """Whether nothing differs."""
        return not (self.differing or self.missing)

    def to_dict(self) -> dict[str, list[str]]:
        """As plain data."""
        return {name: list(found) for name, found in asdict(self).items()}


@lru_cache(maxsize=1)
def published_checksums() -> dict[str, Checksums]:
    """The checksums of all 82 competitions, by id (MLE-bench of February 2026)."""
    found: dict[str, Checksums] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def check_checksums(dataset: Dataset) -> Checked | None:
    """Compare what a dataset was made of, or what MLE-bench's own code made.

    Returns:
        None if the task is no competition of MLE-bench, or isn't prepared as there, or if there is
        nothing that could be compared.

    Raises:
        DatasetError: The dataset was deleted or damaged.
        OSError: A file can't be read.
    """
    task, options = dataset.task, dataset.options
    expected = _expected(task)
    if expected is None or options.variant or options.obfuscate or options.train_rows:
        return None
    source = dataset.manifest.get("source", {})
    path = Path(source.get("path", ""))
    pairs = [*_archive(path, task.data.ref, expected)]
    if "mle-bench" in task.tags:
        pairs += _files(dataset.public.parent, expected)
    elif source.get("kind") == "prepared" and path.is_dir():
        pairs += _files(path, expected)
    return _compared(pairs) if pairs else None


def _expected(task: TaskSpec) -> Checksums | None:
    own = task.folder / CHECKSUMS
    if own.is_file():
        found: Checksums = json.loads(own.read_text(encoding="utf-8"))
        return found
    if task.data.loader != "kaggle" or ("imported" in task.tags and "mle-bench" not in task.tags):
        return None
    return published_checksums().get(task.data.ref)


def _archive(source: Path, competition: str, expected: Checksums) -> Iterator[Pair]:
    """Kaggle's archive: the source, or in its folder or beside it, as in MLE-bench's cache."""
    names = [name.format(name=competition) for name in ARCHIVES]
    places = [folder / name for folder in (source, source.parent) for name in names]
    for path in (source, *places):
        if path.is_file() and path.suffix == ".zip" and expected.get("zip"):
            yield "zip", path, str(expected["zip"])
            return


def _files(folder: Path, expected: Checksums) -> Iterator[Pair]:
    for part in ("public", "private"):
        for name, checksum in sorted(expected.get(part, {}).items()):
            yield f"{part}/{name}", folder / part / name, str(checksum)


def _compared(pairs: list[Pair]) -> Checked:
    found: dict[str, list[str]] = {"matching": [], "differing": [], "missing": []}
    for name, path, checksum in pairs:
        if not path.is_file():
            found["missing"].append(name)
            continue
        with path.open("rb") as file:
            same = hashlib.file_digest(file, _md5).hexdigest() == checksum
        found["matching" if same else "differing"].append(name)
    return Checked(**{name: tuple(names) for name, names in found.items()})
