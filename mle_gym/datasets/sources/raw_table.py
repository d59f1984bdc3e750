"""Where raw tables come from: scikit-learn, OpenML, a package of data, files, or a generator.

Whatever the way, a source gives the same canonical table, and ``data.digest`` pins it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from mle_gym.datasets.dataset import DatasetOptions
from mle_gym.datasets.instance import Instance
from mle_gym.datasets.sources.bundled import load_sklearn
from mle_gym.datasets.sources.generated import run_generator
from mle_gym.datasets.sources.openml import load_openml
from mle_gym.datasets.sources.package_tables import load_package
from mle_gym.datasets.sources.pinned import check_digest
from mle_gym.datasets.tables import read_cells, read_csv
from mle_gym.errors import DatasetError

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["load_raw", "raw_tables"]


def load_raw(task: TaskSpec, variant: int = 0) -> pd.DataFrame:
    """The task's raw table in canonical form, checked against ``data.digest``.

    Only generated tasks look at ``variant``: for them it is fresh data.

    Raises:
        DatasetError: The data can't be had, or aren't the pinned ones; says what to do.
    """
    loader = task.data.loader
    checked = {"openml": load_openml, "package": load_package}
    if loader in checked:
        return checked[loader](task)
    loaders = {"sklearn": load_sklearn, "files": _load_file}
    table = _generated(task, variant) if loader == "generate" else loaders[loader](task)
    if task.data.digest and variant == 0:
        pinned = read_csv(task.folder / task.data.ref) if loader == "files" else table
        where = f"{task.folder / 'task.toml'}: data.digest"
        check_digest(where, task.data.digest, pinned, f"{loader} {task.data.ref}".strip())
    return table


def raw_tables(task: TaskSpec) -> Iterator[pd.DataFrame]:
    """Every table with rows of the task: those of its folder, or the one that it is made of.

    Raises:
        DatasetError: The data can't be had; says what to do.
    """
    if task.data.loader == "files" and (task.folder / task.data.ref).is_dir():
        yield from (read_csv(file) for file in task.data_files)
    else:
        yield load_raw(task)


def _load_file(task: TaskSpec) -> pd.DataFrame:
    """Text throughout, so that what is split and written again are the cells as they stand."""
    path = task.folder / task.data.ref
    if not path.is_file():
        raise DatasetError(f"{task.id}: data.ref: expected a CSV file, found {path}")
    return read_cells(path)


def _generated(task: TaskSpec, variant: int) -> pd.DataFrame:
    made = run_generator(task, DatasetOptions(variant))
    if isinstance(made, Instance):
        raise DatasetError(f"{task.id}: its generate.py makes no table, but an Instance")
    return made
