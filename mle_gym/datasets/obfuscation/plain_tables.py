"""Makes a competition's files plain tables with meaningless ids, before its names become codes."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mle_gym.datasets.keys import generator
from mle_gym.datasets.tables import write_csv
from mle_gym.tasks.hooks import call_hook, find_hook

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mle_gym.tasks.spec import TaskSpec

__all__ = ["anonymize"]

TABLES = ("train.csv", "test.csv", "sample_submission.csv")
TEXT = "text"
"""Column for the text of rows whose id is their text."""
FILES = "Each row has a file, called after its id, in {}."


def anonymize(task: TaskSpec, variant: int, public: Path, private: Path) -> str:
    """Rewrite a competition's files in place; returns what the brief has to say of them.

    Archives are unpacked, lists in JSON become tables, tables are called ``train.csv`` and
    ``test.csv``; copies, papers and files that no row is about go. Where that requires knowing the
    competition, ``plain(public, rng)`` of its ``prepare.py`` does it. Ids, which may be places in
    Kaggle's own files, are drawn again: in every table, and in the names of files and folders that
    are called after them.
    """
    _unpack(public)
    code = task.folder / "prepare.py"
    plain = find_hook(code, "plain") if code.is_file() else None
    rng = generator(task, variant, "plain")
    about_files: str = call_hook(code, plain, public, rng) if plain else ""
    _plain_tables(task, public)
    files = [*sorted(public.glob("*.csv")), private / "answers.csv"]
    tables = {file: _read(file) for file in files}
    name = task.submission.id
    media = sorted(path for path in public.rglob("*") if path.is_file() and path.parent != public)
    stems = {path.stem for path in media}
    ids = {_named(cell, stems) for t in tables.values() if name in t for cell in t[name]}
    codes = _codes(task, variant, ids if public / "train.csv" in tables else ids | stems)
    keep_text = task.kind == "text-classification" and any(" " in each for each in codes)
    for file, table in tables.items():
        if name not in table:
            continue
        if keep_text and file.name in ("train.csv", "test.csv"):
            table[TEXT] = table[name]
        table[name] = [_coded(cell, stems, codes) for cell in table[name]]
        write_csv(table, file)
    named = {cell for t in tables.values() for column in t for cell in _paths(t[column])}
    _rename_files(public, media, codes, named)
    return about_files or _where_files_are(public, tables)


def _unpack(public: Path) -> None:
    """Archives beside a folder of the same files go; of the others the files take the place."""
    for path in sorted(public.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            flat = all("/" not in member for member in archive.namelist())
            folder = public / path.stem if flat and not path.stem.endswith(".csv") else public
            if folder == public or not folder.exists():
                new = [name for name in archive.namelist() if not (folder / name).exists()]
                archive.extractall(folder, new)  # what is there may be a link to the user's data
        path.unlink()


def _plain_tables(task: TaskSpec, public: Path) -> None:
    """Leave ``train.csv``, ``test.csv``, ``sample_submission.csv`` and folders."""
    for file in sorted(public.glob("*.json")):
        rows = [
            {key: " ".join(map(str, v)) if isinstance(v, list) else v for key, v in row.items()}
            for row in json.loads(file.read_bytes())
        ]
        write_csv(pd.DataFrame(rows), file.with_suffix(".csv"))
    train, test, sample = (public / name for name in TABLES)
    if not train.exists():
        labels = [file for file in public.glob("*labels.csv") if task.submission.id in _head(file)]
        if len(labels) == 1:
            labels[0].rename(train)
    if train.exists() and not test.exists():
        write_csv(_read(sample)[[task.submission.id]], test)
    for file in sorted(public.iterdir()):
        if file.is_file() and file.name not in TABLES:
            file.unlink()


def _read(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def _head(file: Path) -> list[str]:
    return list(pd.read_csv(file, nrows=0).columns)


def _codes(task: TaskSpec, variant: int, names: set[str]) -> dict[str, str]:
    """Each name's new one: a number, drawn without regard to the order of rows."""
    known = sorted(names)
    drawn = generator(task, variant, "anonymize").permutation(len(known)) + 1
    prefix = "r" if task.submission.columns[task.submission.id].type == "str" else ""
    return {old: f"{prefix}{new}" for old, new in zip(known, drawn, strict=True)}


def _named(cell: str, stems: set[str]) -> str:
    """The part of an id that files are called after: of ``7.jpg`` and ``7_12_34`` it is ``7``."""
    heads = (cell, cell.rpartition(".")[0], cell.partition("_")[0])
    return next((head for head in heads if head in stems), cell)


def _coded(cell: str, stems: set[str], codes: dict[str, str]) -> str:
    old = _named(cell, stems)
    return codes[old] + cell[len(old) :]


def _paths(column: pd.Series[str]) -> Iterable[str]:
    """The cells of a column of files."""
    return column if len(column) and "/" in column.iloc[0] else ()


def _rename_files(public: Path, media: list[Path], codes: dict[str, str], named: set[str]) -> None:
    """Call files and folders after the new ids.

    Copied, and in the order of their new names: inodes and times would tell that of the old ones.
    """
    renamed = public / ".renamed"
    targets = {}
    for path in media:
        relative = path.relative_to(public)
        parts = [_renamed(part, codes) for part in relative.parts]
        if relative.as_posix() in named or parts != list(relative.parts):
            targets[renamed.joinpath(*parts)] = path
    for target, path in sorted(targets.items()):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for folder in [path for path in public.iterdir() if path.is_dir() and path != renamed]:
        shutil.rmtree(folder)
    if renamed.exists():
        for folder in list(renamed.iterdir()):
            folder.rename(public / folder.name)
        renamed.rmdir()


def _renamed(name: str, codes: dict[str, str]) -> str:
    if name in codes:
        return codes[name]
    stem, dot, suffix = name.rpartition(".")
    return f"{codes[stem]}{dot}{suffix}" if stem in codes else name


def _where_files_are(public: Path, tables: dict[Path, pd.DataFrame]) -> str:
    folders = sorted({path.parent for path in public.rglob("*") if path.is_file()} - {public})
    listed = " or ".join(f"`{folder.relative_to(public).as_posix()}/`" for folder in folders)
    return FILES.format(listed) if folders and public / "train.csv" in tables else ""
