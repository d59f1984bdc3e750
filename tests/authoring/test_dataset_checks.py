from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_gym.authoring import target_checks, variant_checks
from mle_gym.authoring.target_checks import skill
from mle_gym.authoring.validate_task import DATASET_CHECKS
from mle_gym.datasets.dataset import Dataset
from mle_gym.datasets.prepare import prepare
from mle_gym.datasets.splits import Split, split_variant
from mle_gym.tasks.catalog import load_task
from tests.task_folders import MakeTask, fruit
from tests.tiers import few_quick

pytestmark = pytest.mark.usefixtures("own_cache")


def made(folder: Path) -> Dataset:
    return prepare(load_task(folder))


def failed(dataset: Dataset) -> dict[str, str]:
    checks = [check(dataset) for check in DATASET_CHECKS]
    return {check.name: check.detail for check in checks if not check.passed}


def test_a_plain_task_is_sound(make_task: MakeTask) -> None:
    assert failed(made(make_task())) == {}


@pytest.mark.parametrize("way", [{"group": "tree"}, {"time": "day"}, {"stratify": False}], ids=str)
@pytest.mark.slow("it runs all checks of a dataset")
def test_every_way_to_split_is_sound(make_task: MakeTask, way: dict[str, Any]) -> None:
    assert failed(made(make_task({"data": {"stratify": None, **way}}))) == {}


def leaky() -> pd.DataFrame:
    """A column recorded after the event, as Titanic's lifeboats are."""
    table = fruit(200)
    rng = np.random.default_rng(1)
    basket = np.where(table["ripe"] == 1, rng.choice(["A", "B", "C"], 200), "")
    return table.assign(basket=basket)


def test_a_column_that_gives_the_answer_away_is_found(make_task: MakeTask) -> None:
    found = failed(made(make_task(table=leaky())))
    assert list(found) == ["no column gives the target away"]
    assert "'basket' (1.00); drop them, or list them in data.strong" in next(iter(found.values()))


@pytest.mark.slow("it runs all checks of a task")
def test_an_expected_strong_column_is_declared(make_task: MakeTask) -> None:
    changes = {"data": {"strong": ["basket"]}}
    assert failed(made(make_task(changes, table=leaky()))) == {}
    changes = {"data": {"strong": ["tree"]}}
    found = failed(made(make_task(changes)))
    assert "['tree'] have a skill below 0.9" in found["no column gives the target away"]


def test_titanic_s_lifeboats_would_be_found() -> None:
    from mle_gym.datasets.sources.raw_table import load_raw

    raw = load_raw(load_task("titanic"))
    assert skill(raw["boat"], raw["survived"]) > target_checks.STRONG
    assert skill(raw["sex"], raw["survived"]) < 0.5


OWN_ID: dict[str, Any] = {
    "data": {"id": "code", "keep_ids": True},
    "submission": {"columns": {"id": None, "code": "int", "ripe": {"values": [0, 1]}}},
}
COMPUTABLE = "ids, order and known splits say nothing"


@pytest.mark.parametrize("by", ["ripe", "day"], ids=["by label", "in the order of the source"])
@pytest.mark.slow("it runs all checks of a dataset")
def test_an_id_that_tells_the_target_is_found(make_task: MakeTask, by: str) -> None:
    table = fruit(200).sort_values(by, ignore_index=True).assign(code=range(200))
    found = failed(made(make_task(OWN_ID, table=table)))
    assert list(found) == [COMPUTABLE]
    assert re.search("variant 0: .*the id tells (ripe|the place in the source)", found[COMPUTABLE])
    dealt = {**OWN_ID, "data": {"id": "code"}}
    assert failed(made(make_task(dealt, table=table))) == {}


SORTED = """
import pandas as pd

def prepare(raw, public, private, rng):
    train = pd.read_csv(public / "train.csv")
    train.sort_values("ripe", kind="stable").to_csv(public / "train.csv", index=False)
"""
LEAKS = {
    "sorted rows": (SORTED, COMPUTABLE, "the place tells ripe in train"),
    "answers in a column": (
        """
import pandas as pd

def prepare(raw, public, private, rng):
    test = pd.read_csv(public / "test.csv")
    test["hint"] = pd.read_csv(private / "answers.csv")["ripe"]
    test.to_csv(public / "test.csv", index=False)
""",
        "nothing private is public",
        "test.csv: 'hint' holds the answers' 'ripe'",
    ),
    "the target in test.csv": (
        """
import pandas as pd

def prepare(raw, public, private, rng):
    test = pd.read_csv(public / "test.csv")
    test.assign(ripe=0).to_csv(public / "test.csv", index=False)
""",
        "nothing private is public",
        "test.csv has the column 'ripe'",
    ),
    "test rows in train.csv": (
        """
import pandas as pd

def prepare(raw, public, private, rng):
    train, test = (pd.read_csv(public / f"{part}.csv") for part in ("train", "test"))
    pd.concat([train, test.assign(ripe=0)]).to_csv(public / "train.csv", index=False)
""",
        "nothing private is public",
        "train.csv has 20 rows of the test",
    ),
    "a copy of the answers": (
        """
import shutil

def prepare(raw, public, private, rng):
    shutil.copy(private / "answers.csv", public / "notes.txt")
""",
        "nothing private is public",
        "notes.txt holds 20 of 20 answers",
    ),
    "the task's key": (
        """
from pathlib import Path

def prepare(raw, public, private, rng):
    key = Path(__file__).with_name("key").read_text()
    (public / "settings.toml").write_text(f'seed = "{key.strip()}"')
""",
        "nothing private is public",
        "settings.toml holds the task's key",
    ),
    "the task's split": (
        """
import shutil
from pathlib import Path

def prepare(raw, public, private, rng):
    shutil.copytree(Path(__file__).parent, public / "source")
""",
        "nothing private is public",
        "source/split.json holds the task's split.json",
    ),
    "randomness of its own": (
        """
import os

def prepare(raw, public, private, rng):
    (public / "noise.bin").write_bytes(os.urandom(8))
""",
        "two prepares are byte-identical",
        "public/noise.bin differs",
    ),
}


@pytest.mark.parametrize("leak", few_quick(LEAKS, ["sorted rows"], "all checks run for each"))
def test_a_leak_is_found(make_task: MakeTask, leak: str) -> None:
    code, check, detail = LEAKS[leak]
    folder = make_task(files={"prepare.py": code}, table=fruit(60))
    found = failed(made(folder))
    assert detail in found[check], found


FRESH = """
import numpy as np
import pandas as pd

def generate(rng, variant):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.normal(size=50), "ripe": rng.integers(0, 2, 50)})
"""
SAME = """
import pandas as pd

def generate(rng, variant):
    return pd.DataFrame({"x": [0] * 50, "ripe": 1})
"""


@pytest.mark.slow("it runs all checks of a task")
def test_variants_that_are_equal_are_found(make_task: MakeTask) -> None:
    changes = {"data": {"loader": "generate", "ref": None}}
    found = failed(made(make_task(changes, files={"generate.py": FRESH}, folder="fresh")))
    assert found == {}, "another split of the same rows is another variant"
    found = failed(made(make_task(changes, files={"generate.py": SAME}, folder="same")))
    assert found["variants differ"] == "variants 0 and 1 are equal"


def test_a_variant_with_a_canonical_test_row_is_found(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = made(make_task())
    honest = split_variant

    def careless(table: Any, task: Any, variant: int) -> Split:
        split, stranger = honest(table, task, variant), honest(table, task, 0).test[:1]
        rows = np.concatenate([split.rows, stranger]) if variant else split.rows
        return Split(rows, np.isin(rows, split.test))

    monkeypatch.setattr(variant_checks, "split_variant", careless)
    assert failed(dataset) == {
        "variants show no canonical test row": "variant 1 has 1 rows of the test"
    }


@pytest.mark.parametrize(
    ("column", "target", "low", "high"),
    [
        (pd.Series(range(100)), pd.Series([0] * 50 + [1] * 50), 0.9, 1.0),
        (pd.Series(range(100)), pd.Series(np.arange(100) * 1.5), 0.9, 1.0),
        (pd.Series(["a", "b"] * 50), pd.Series(["x", "y"] * 50), 1.0, 1.0),
        (pd.Series([None, 1.0] * 50), pd.Series([0, 1] * 50), 1.0, 1.0),
        (pd.Series([1] * 100), pd.Series([0, 1] * 50), -1.5, 0.0),
        (pd.Series(range(100)), pd.Series([1] * 100), 0.0, 0.0),
        (pd.Series(range(5)), pd.Series([0, 0, 0, 1, 1]), 0.0, 0.0),
    ],
)
def test_skill(column: Any, target: Any, low: float, high: float) -> None:
    assert low <= skill(column, target) <= high
