"""Writes training records of recorded episodes into a file."""

from __future__ import annotations

import errno
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

from mle_gym.errors import TrajectoryError
from mle_gym.regular_files import replacing, write_atomically
from mle_gym.text import nearest
from mle_gym.trajectories.training_data.atif_document import read_atif, to_atif
from mle_gym.trajectories.training_data.chat_formats import LINE_FORMATS
from mle_gym.trajectories.training_data.parquet_file import write_parquet
from mle_gym.trajectories.training_data.training_record import (
    INTEGRITY,
    Choice,
    Integrity,
    TrainingRecord,
    record_of,
)

__all__ = ["FORMATS", "Exported", "Format", "export_trajectories", "record_files"]

Format = Literal["openai", "sharegpt", "parquet", "atif"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)


@dataclass
class Exported:
    """What became of the episodes."""

    path: Path
    """The file, or the folder of documents."""
    written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """How many were left out, by the reason."""


def export_trajectories(
    paths: Iterable[str | Path],
    out: str | Path,
    format: Format = "openai",
    *,
    least_reward: float | None = None,
    worst_integrity: Integrity = "note",
    with_failures: bool = False,
    overwrite: bool = False,
) -> Exported:
    """Write recorded episodes as training data for language models.

    >>> mle_gym.export_trajectories(["runs"], "train.jsonl", "openai", least_reward=0.5)

    Args:
        paths: Trajectories, ATIF documents (``.json``), and folders of these.
        out: The new file; for ``"atif"`` the folder of documents.
        format: ``"openai"`` or ``"sharegpt"`` (a line of JSON for each episode), ``"parquet"``, or
            ``"atif"`` (a document for each).
        least_reward: Leaves out episodes with a lower return.
        worst_integrity: Leaves out episodes in which the audit found something worse. Documents of
            other programs are ``"unknown"``.
        with_failures: Whether to keep episodes without a valid reward.
        overwrite: Whether ``out`` may exist.

    Raises:
        TrajectoryError: A file is damaged, or neither a trajectory nor an ATIF document.
        FileExistsError: There is something at ``out``.
        ModuleNotFoundError: The format is ``"parquet"``, and pyarrow isn't installed.
        OSError: A file can't be read or written.
        ValueError: There is no such format or label.
    """
    if format not in FORMATS:
        raise ValueError(f"no format is called {format!r}{nearest(format, FORMATS)}")
    if worst_integrity not in INTEGRITY:
        raise ValueError(f"no label is called {worst_integrity!r}; there are {INTEGRITY}")
    exported = Exported(Path(out))
    if exported.path.exists() and not overwrite:
        why = "there is something already; name another place, or overwrite it"
        raise FileExistsError(errno.EEXIST, why, str(out))
    chosen = _chosen(paths, Choice(least_reward, with_failures, worst_integrity), exported)
    exported.path.parent.mkdir(parents=True, exist_ok=True)
    if format == "atif":
        _write_documents(chosen, exported.path)
        return exported
    # Nobody shall take half of a file for the whole of it.
    with replacing(exported.path) as unfinished:
        if format == "parquet":
            write_parquet(chosen, unfinished)
        else:
            with unfinished.open("w", encoding="utf-8") as file:
                for record in chosen:
                    file.write(json.dumps(LINE_FORMATS[format](record), allow_nan=False) + "\n")
    return exported


def record_files(paths: Iterable[str | Path], *endings: str) -> Iterator[Path]:
    """The files themselves, and the files in folders whose names have one of the endings."""
    for path in map(Path, paths):
        if path.is_dir():
            found = [each for each in path.rglob("*") if each.suffix in endings]
            yield from sorted(each for each in found if each.is_file())
        else:
            yield path


def _chosen(
    paths: Iterable[str | Path], choice: Choice, exported: Exported
) -> Iterator[TrainingRecord]:
    for path in record_files(paths, ".jsonl", ".json"):
        try:
            record = read_atif(path) if path.suffix == ".json" else record_of(path)
        except TrajectoryError as error:
            if not str(error).startswith(str(path)):  # sound, but nothing for a language model
                exported.left_out[str(error)] += 1
                continue
            raise
        against = choice.against(record)
        if against is None:
            exported.written += 1
            yield record
        else:
            exported.left_out[against] += 1


def _write_documents(records: Iterable[TrainingRecord], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    names: Counter[str] = Counter()
    for record in records:
        text = json.dumps(to_atif(record), indent=1, allow_nan=False)
        write_atomically(folder / f"{_unused(record.name, names)}.json", text + "\n")


def _unused(name: str, names: Counter[str]) -> str:
    """The name, with a number if it was used: an evaluation's records have few names."""
    while True:
        names[name] += 1
        if names[name] == 1:
            return name
        name = f"{name}-{names[name]}"
