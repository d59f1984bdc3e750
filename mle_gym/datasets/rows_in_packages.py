"""A task's rows among the files that its sandboxes show: found whatever the format, to be masked.

scikit-learn's wheel carries the raw data of the tasks that are built on it, SciPy's tests carry
iris, and what a user adds may carry anything. No list of such places is complete, so they are
searched for: see :mod:`mle_gym.sandbox.standalone.tables` for what makes rows known again.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mle_gym.sandbox.backends import get_backend, shown
from mle_gym.sandbox.standalone.tables.row_fingerprints import (
    KINDS,
    ROWS,
    RUNS,
    TEXTS,
    TOKEN,
    WORDS,
    Keys,
    Word,
    is_telling,
    number,
)  # fmt: skip
from mle_gym.sandbox.table_index import (
    IndexedFile,
    index_tables,
    indexed_files,
    write_whole,
)

if TYPE_CHECKING:
    import pandas as pd

    from mle_gym.sandbox.sandbox_config import SandboxConfig
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["files_with_rows", "holding_rows"]

_MOST_ROWS = 20_000
_LEAST_HITS = 12
"""Prints in common that are no accident."""
_SHARE_OF_TASK, _SHARE_OF_FILE = 0.03, 0.05
"""A file holds a task's rows if these shares of the prints of both are in common …"""
_MOST_OF_TASK = 0.5
"""… or this share of the task's, whatever else the file holds."""


@dataclass(frozen=True)
class _Rule:
    """How windows of one kind are told from what any table has."""

    size: int
    distinct: int


_ANSWERS = "answers"
"""The runs of what is to be predicted: they may lie in a file of their own."""
_RULES = {
    "rows": _Rule(ROWS, ROWS),
    "runs": _Rule(RUNS, RUNS // 2),
    "words": _Rule(WORDS, 3),
    "texts": _Rule(TEXTS, TEXTS - 1),
    _ANSWERS: _Rule(RUNS, RUNS // 2),
}


def files_with_rows(task: TaskSpec, backend: str, config: SandboxConfig) -> tuple[str, ...]:
    """The paths, as a sandbox shows them, of what holds this task's rows.

    The first call for an environment of packages searches it, which takes some seconds; answers
    are kept in the cache.

    Args:
        task: Whose rows are looked for. Fresh data are nowhere, and competitions' not in packages.
        backend: Name of the backend.
        config: What a sandbox would be made of.

    Raises:
        SandboxError: The search failed.
        DatasetError: The task's own data can't be had.
    """
    if task.data.loader in ("generate", "kaggle"):
        return ()
    digest = shown(backend, config).digest
    if not digest:
        return ()
    index = index_tables(get_backend(backend), config, digest)
    file = index.with_name(f"{_identity(task)}.json")
    try:
        return _answer(file)
    except (OSError, ValueError):  # not asked before
        write_whole(file, json.dumps(_search(task, index)).encode())
        return _answer(file)


def holding_rows(
    files: Sequence[IndexedFile], prints: dict[str, npt.NDArray[np.int64]]
) -> list[IndexedFile]:
    """The files that have so much in common with a task's rows that they hold them."""
    holding = np.zeros(len(files), bool)
    for kind in (*KINDS, _ANSWERS):
        if files and len(prints[kind]):
            holding |= _in_common(files, kind, prints[kind])
    return [file for file, holds in zip(files, holding, strict=True) if holds]


@functools.lru_cache(maxsize=256)
def _answer(file: Path) -> tuple[str, ...]:
    return tuple(json.loads(file.read_bytes()))


def _search(task: TaskSpec, index: Path) -> list[str]:
    prints = _prints_of(task)
    files = indexed_files(index)
    holding = [*holding_rows(files, prints), *(file for file in files if file.unread)]
    return sorted({path for each in holding for path in (each.path, *each.also)})


def _identity(task: TaskSpec) -> str:
    """Another one for other data."""
    source = task.data.model_dump_json()
    if task.data.loader == "files":
        source += repr([(file.name, file.stat().st_mtime_ns) for file in task.data_files])
    return hashlib.sha256(f"{_RULES} {source}".encode()).hexdigest()[:32]


def _in_common(
    files: Sequence[IndexedFile], kind: str, wanted: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """For each of the files, whether enough prints of one kind are among the wanted, sorted ones.

    All files are looked through at once: one by one, thousands of them take a second.
    """
    written = "runs" if kind == _ANSWERS else kind
    every = np.array([file.every[written] for file in files])
    counts = {each: np.count_nonzero(wanted % each == 0) for each in set(every.tolist())}
    own = np.array([counts[each] for each in every.tolist()])
    there = [file.kinds[written] for file in files]
    sizes = np.array([len(each) for each in there])
    ends = np.cumsum(sizes)
    found = np.concatenate([[0], np.cumsum(_among(np.concatenate(there), wanted))])
    hits = found[ends] - found[ends - sizes]
    enough = (hits >= _SHARE_OF_TASK * own) & (hits >= _SHARE_OF_FILE * sizes)
    enough |= hits >= _MOST_OF_TASK * own
    accident = hits < np.maximum(_LEAST_HITS / every, 3)
    return np.asarray(enough & ~accident)


def _among(values: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which values are among the wanted ones, which are sorted."""
    at = np.searchsorted(wanted, values)
    at[at == len(wanted)] = 0
    return np.asarray(wanted[at] == values)


# ------------------------------------------------------------------------------- a task's own rows


def _prints_of(task: TaskSpec) -> dict[str, npt.NDArray[np.int64]]:
    # pandas, which `import mle_gym.env` does without
    from mle_gym.datasets.sources.raw_table import raw_tables

    made: dict[str, set[int]] = {kind: set() for kind in _RULES}
    for table in raw_tables(task):
        for kind, keys in _sequences(table.head(_MOST_ROWS), _is_target(task)):
            rule = _RULES[kind]
            for window in zip(*(keys[start:] for start in range(rule.size)), strict=False):
                if len(set(window)) >= rule.distinct and (kind != "rows" or is_telling(window)):
                    made[kind].add(hash(window))
    return {kind: np.array(sorted(hashes), np.int64) for kind, hashes in made.items()}


def _is_target(task: TaskSpec) -> Callable[[str], bool]:
    """Whether a column of the raw table is to be predicted."""
    data = task.data
    return lambda name: data.rename.get(name, name) in (data.target or ())


def _sequences(
    table: pd.DataFrame, is_target: Callable[[str], bool]
) -> Iterator[tuple[str, Sequence[Any]]]:
    """Everything that prints are made of: rows in any order of columns, columns, words."""
    keys = Keys()
    columns = [[_cell(value, keys) for value in table[name].tolist()] for name in table.columns]
    for name, cells in zip(table.columns, columns, strict=True):
        run = [cell[0] for cell in cells if len(cell) == 1 and type(cell[0]) is float]
        yield "runs", run
        if is_target(str(name)):
            yield _ANSWERS, run
    for row in zip(*columns, strict=True):
        tokens = [key for cell in row for key in cell]
        numbers = [key for key in tokens if type(key) is float]
        alone = [cell[0] for cell in row if len(cell) == 1 and type(cell[0]) is float]
        yield "rows", sorted(set(numbers))
        yield "rows", sorted(set(alone))
        yield "runs", numbers
        if len(numbers) < len(tokens):
            yield "words", tokens
        for cell in row:
            yield "texts", [key for key in cell if type(key) is Word]


def _cell(value: Any, keys: Keys) -> list[Any]:
    """The keys of one cell; none of a missing one."""
    if isinstance(value, str):
        return [keys[token] for token in TOKEN.findall(value)]
    if value is None or value != value:
        return []
    return [number(float(value))]
