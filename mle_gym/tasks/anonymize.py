"""Makes a competition's files plain tables with meaningless ids, before its names become codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mle_gym.errors import DatasetError
from mle_gym.tasks.splits import generator
from mle_gym.tasks.tables import write_csv

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.tasks.spec import TaskSpec

__all__ = ["anonymize", "check_anonymous"]

TABLES = ("train.csv", "test.csv", "sample_submission.csv")
KINDS = ("text-classification", "tabular-classification", "tabular-regression")
TEXT = "text"
"""Column for the text of rows whose id is their text."""


def check_anonymous(task: TaskSpec) -> None:
    """Refuse competitions whose pictures, sounds or files tell where they come from.

    Raises:
        DatasetError: It is one of these.
    """
    if task.data.loader == "kaggle" and task.kind not in KINDS:
        raise DatasetError(
            f"{task.id}: obfuscate: of Kaggle's competitions only those of tables and texts "
            "can be obfuscated; other files tell by themselves where they come from"
        )


def anonymize(task: TaskSpec, public: Path, private: Path) -> None:
    """Rewrite a competition's files in place.

    Lists in JSON become tables, tables are called ``train.csv`` and ``test.csv``, copies and
    papers beside them go. Ids, which may be places in Kaggle's own files, are drawn anew: in every
    table, and in the names of files and folders that are called after them.
    """
    _plain_tables(public)
    files = [*sorted(public.glob("*.csv")), private / "answers.csv"]
    tables = {file: _read(file) for file in files}
    name = task.submission.id
    codes = _codes(task, [cell for t in tables.values() if name in t for cell in t[name]])
    keep_text = task.kind == "text-classification" and any(" " in each for each in codes)
    for file, table in tables.items():
        if name not in table:
            continue
        if keep_text and file.name in ("train.csv", "test.csv"):
            table[TEXT] = table[name]
        table[name] = table[name].map(codes)
        write_csv(table, file)
    for folder in sorted(path for path in public.iterdir() if path.is_dir()):
        _rename_files(folder, codes)


def _plain_tables(public: Path) -> None:
    """Leave ``train.csv``, ``test.csv``, ``sample_submission.csv`` and folders."""
    import pandas as pd

    for file in sorted(public.glob("*.json")):
        rows = [
            {key: " ".join(map(str, v)) if isinstance(v, list) else v for key, v in row.items()}
            for row in json.loads(file.read_bytes())
        ]
        write_csv(pd.DataFrame(rows), file.with_suffix(".csv"))
    if (public / "labels.csv").is_file() and not (public / "train.csv").exists():
        (public / "labels.csv").rename(public / "train.csv")
    for file in sorted(public.iterdir()):
        if file.is_file() and file.name not in TABLES:
            file.unlink()


def _read(file: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(file, dtype=str, keep_default_na=False)


def _codes(task: TaskSpec, ids: list[str]) -> dict[str, str]:
    """Each id's new one: a number, drawn without regard to the order of rows."""
    known = sorted(set(ids))
    drawn = generator(task.id, 0, "anonymize").permutation(len(known)) + 1
    prefix = "r" if task.submission.columns[task.submission.id].type == "str" else ""
    return {old: f"{prefix}{new}" for old, new in zip(known, drawn, strict=True)}


def _rename_files(folder: Path, codes: dict[str, str]) -> None:
    """Call files and folders after the new ids. Copies: inodes and times would tell the old."""
    renamed = folder.with_name(f".{folder.name}")
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        parts = [_renamed(part, codes) for part in path.relative_to(folder).parts]
        target = renamed.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    shutil.rmtree(folder)
    renamed.rename(folder)


def _renamed(name: str, codes: dict[str, str]) -> str:
    stem, dot, suffix = name.partition(".")
    return f"{codes[stem]}{dot}{suffix}" if stem in codes else name
