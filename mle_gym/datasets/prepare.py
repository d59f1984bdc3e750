"""Makes the dataset of a task and its options, or finds it in the cache."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.datasets import cache
from mle_gym.datasets.dataset import CANONICAL, SIZES, Dataset, DatasetOptions
from mle_gym.datasets.keys import secret_fingerprint
from mle_gym.datasets.sources.kaggle.download import download
from mle_gym.errors import CacheError, DatasetError
from mle_gym.ownership import checked_cache
from mle_gym.paths import cache_folder
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.hooks import load_hook, splits_again

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["clear_cache", "has_variants", "is_prepared", "prepare", "task_digest"]


FORMAT = 4
"""Raised whenever the same inputs would give other files than before."""


LIBRARIES = ("numpy", "pandas", "scikit-learn")
"""Their versions may change random streams, CSV text, or the bundled data."""


NOT_DATA = frozenset(
    {
        "task.toml",
        "description.md",
        "solution.py",
        "baseline.py",
        "programs.toml",
        "grade.py",
        "checksums.json",
        "README.md",
    }
)
"""Files of a task that don't shape its dataset; what matters of the first two is hashed apart."""


NOT_TASK = frozenset({"solution.py", "baseline.py", "programs.toml", "checksums.json", "README.md"})
"""Files that shape neither a task's episodes nor their grades."""


def prepare(
    task: TaskSpec | str,
    options: DatasetOptions = CANONICAL,
    *,
    source: str | Path | None = None,
) -> Dataset:
    """Make the dataset of a task, or find it in the cache.

    Cached by content, atomic, and locked: a hundred processes at once prepare once, and one that
    is killed leaves nothing half-made.

    Args:
        task: A name, a Gymnasium id, or a loaded task.
        options: Which dataset of it.
        source: For a Kaggle competition, where its raw data are: a folder, an archive, or
            ``"kaggle"`` to download them. The dataset is made again from there, even if it is in
            the cache. By default they are looked for in the usual places, and never downloaded.

    Raises:
        TaskError: No such task, or a broken one.
        DatasetError: The data can't be had or prepared, or the cache can't be written.
    """
    spec = load_task(task) if isinstance(task, str) else task
    _check_options(spec, options)
    digest = _digest(spec, options)
    folder = checked_cache("datasets") / digest[:32]
    manifest = cache.read(folder)
    if manifest is None or source is not None:
        _check_variant(spec, options)
        given = _given(spec, source)
        make = partial(_build, spec, options, given=given)
        manifest = cache.make(folder, make, replace=given is not None)
    effective = spec.with_fields(manifest["effective"])
    return Dataset(effective, options, folder / "public", folder / "private", digest)


def _build(
    spec: TaskSpec, options: DatasetOptions, folder: Path, given: Path | None
) -> dict[str, Any]:  # fmt: skip
    from mle_gym.datasets.build import build  # pandas: for the one process that makes the dataset

    return build(spec, options, folder, given)


def task_digest(spec: TaskSpec) -> str:
    """SHA-256 of the files in a task's folder that decide its episodes and their grades."""
    files = _file_digests(spec, NOT_TASK)
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def is_prepared(spec: TaskSpec) -> bool:
    """Whether the canonical dataset of a task is in the cache."""
    try:
        return cache.read(checked_cache("datasets") / _digest(spec, CANONICAL)[:32]) is not None
    except CacheError:  # which whoever prepares it is told
        return False


def clear_cache() -> None:
    """Delete every prepared dataset; the next :func:`prepare` makes them again."""
    shutil.rmtree(cache_folder() / "datasets", ignore_errors=True)


def _given(spec: TaskSpec, source: str | Path | None) -> Path | None:
    """Where the user says that a competition's data are, downloading them if that is Kaggle."""
    if source is None:
        return None
    if spec.data.loader != "kaggle":
        raise DatasetError(
            f"{spec.id}: source: expected none, found {str(source)!r}: its data come from "
            f"{spec.data.loader!r}, and only a Kaggle competition's can be given"
        )
    if source == "kaggle":
        return download(spec.data.ref)
    return Path(source).expanduser().absolute()


def has_variants(spec: TaskSpec) -> bool:
    """Whether a task has datasets other than the canonical one.

    Raises:
        TaskError: Its ``prepare.py`` doesn't run.
    """
    if spec.data.test_size is not None or not spec.data.real:
        return True
    path = spec.hook("prepare")
    return path is not None and splits_again(load_hook(path, "prepare"))


def _check_variant(spec: TaskSpec, options: DatasetOptions) -> None:
    """Check what requires running a task's code, just before a dataset is made."""
    if options.variant != 0 and not has_variants(spec):
        raise DatasetError(
            f"{spec.id}: variant: expected 0, found {options.variant}: its prepare.py splits real "
            "data itself and has no parameter `resplit` to make variants that don't leak"
        )


def _check_options(spec: TaskSpec, options: DatasetOptions) -> None:
    if isinstance(options.variant, bool) or not isinstance(options.variant, int):
        raise DatasetError(f"{spec.id}: variant: expected an integer, found {options.variant!r}")
    rows = options.train_rows
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1):
        raise DatasetError(f"{spec.id}: train_rows: expected 1 or more, found {rows!r}")
    _check_generated(spec, options)
    if spec.data.test_size is None and rows is not None and spec.data.real:
        raise DatasetError(f"{spec.id}: train_rows: needs data.test_size in its task.toml")
    if options.obfuscate and spec.hook("grade"):
        raise DatasetError(f"{spec.id}: obfuscate: not for a task with its own grade.py")


def _check_generated(spec: TaskSpec, options: DatasetOptions) -> None:
    """Check what only generators know about."""
    size, difficulty = options.size, options.difficulty
    if size not in SIZES:
        wanted = ", ".join(map(repr, SIZES))
        raise DatasetError(f"{spec.id}: size: expected one of {wanted}, found {size!r}")
    if isinstance(difficulty, bool) or not isinstance(difficulty, (int, float)):
        raise DatasetError(f"{spec.id}: difficulty: expected a number, found {difficulty!r}")
    if not 0 <= difficulty <= 1:
        raise DatasetError(f"{spec.id}: difficulty: expected 0 to 1, found {difficulty!r}")
    for name in ("size", "difficulty"):
        usual, found = getattr(CANONICAL, name), getattr(options, name)
        if spec.data.real and found != usual:
            raise DatasetError(
                f"{spec.id}: {name}: expected {usual!r}, found {found!r}: its data are real, and "
                "only generated data have one"
            )


def _digest(spec: TaskSpec, options: DatasetOptions) -> str:
    """Of all that decides the files: the spec, the folder's data and code, options, libraries."""
    declared = spec.model_dump(
        mode="json", include={"id", "title", "description", "kind", "data", "submission", "grade"}
    )
    chosen = asdict(options) | {"difficulty": float(options.difficulty)}
    if spec.data.real:  # there is no generator that these could change anything for
        del chosen["size"], chosen["difficulty"]
    ingredients = {
        "format": FORMAT,
        "task": declared,
        "files": _file_digests(spec, NOT_DATA | {spec.medals.leaderboard}),
        "options": chosen,
        "libraries": _versions(),
        "secret": secret_fingerprint() if options.variant else "",
    }
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    return {name: version(name) for name in LIBRARIES}


def _file_digests(spec: TaskSpec, skipped: frozenset[str | None]) -> dict[str, str]:
    found = {}
    for path in sorted(spec.folder.rglob("*")):
        name = path.relative_to(spec.folder).as_posix()
        if name in skipped or any(p.startswith((".", "__pycache__")) for p in name.split("/")):
            continue
        if path.is_file():
            status = path.stat()
            found[name] = _file_digest(path, status.st_mtime_ns, status.st_size)
    return found


@lru_cache(maxsize=4096)
def _file_digest(path: Path, _mtime_ns: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
