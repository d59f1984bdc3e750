"""The adversary finds every split that can be computed, and none that can't."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from mle_gym.authoring import adversary
from mle_gym.authoring.adversary import computable
from mle_gym.authoring.attack import Part, Source, attack, classes
from mle_gym.datasets import build
from mle_gym.datasets.prepare import prepare
from mle_gym.datasets.splits import Split, choose_test_rows
from mle_gym.paths import PACKAGE
from mle_gym.tasks.catalog import load_task
from tests.generated_task import GENERATED, TABLES
from tests.keyed import keyed
from tests.task_folders import MakeTask, fruit

Rows = tuple[Any, Any]
Maker = Callable[[np.ndarray[Any, Any]], Rows]

ROWS, SIZE = 150, 50
TABLE = pd.DataFrame({"x": range(ROWS), "ripe": np.repeat(["a", "b", "c"], ROWS // 3)})


def cut(order: Any) -> Rows:
    return np.array(order[:-SIZE]), np.array(order[-SIZE:])


def shuffled(rows: Any, seed: int) -> list[int]:
    order = rows.tolist()
    random.Random(seed).shuffle(order)
    return list(order)


SEEDED: dict[str, Maker] = {
    "the source's order": cut,
    "numpy, 0": lambda rows: cut(np.random.default_rng(0).permutation(rows)),
    "numpy's old generator, 42": lambda rows: cut(np.random.RandomState(42).permutation(rows)),
    "pandas, 1": lambda rows: cut(TABLE.sample(frac=1, random_state=1).index),
    "Python, 7": lambda rows: cut(shuffled(rows, 7)),
    "scikit-learn, 42": lambda rows: train_test_split(rows, test_size=SIZE, random_state=42),
    "stratified, 123": lambda rows: train_test_split(
        rows, test_size=SIZE, random_state=123, stratify=TABLE["ripe"]
    ),
    "sorted again": lambda rows: tuple(
        np.sort(part) for part in train_test_split(rows, test_size=SIZE, random_state=2024)
    ),
}


@pytest.fixture
def source(make_task: MakeTask) -> Source:
    task = load_task(make_task({"data": {"stratify": False}}))
    return Source(task, 0, TABLE, {"ripe": classes(TABLE["ripe"])})


def parts(train: Any, test: Any, ids: Callable[[Any], list[str]] | None = None) -> list[Part]:
    found, first = [], 1
    for name, rows in (("train", train), ("test", test)):
        numbers = ids(rows) if ids else [str(at) for at in range(first, first + len(rows))]
        secrets = {
            "ripe": classes(TABLE["ripe"].iloc[rows]),
            "the place": classes(pd.Series(rows)),
        }
        found.append(Part(name, numbers, secrets))
        first += len(rows)
    return found


@pytest.mark.parametrize("name", SEEDED)
def test_a_split_by_a_seed_that_people_use_is_found(source: Source, name: str) -> None:
    told, _ = attack(parts(*SEEDED[name](np.arange(ROWS))), source)
    assert "tells ripe in" in told


BY_ID: dict[str, Callable[[Any], list[str]]] = {
    "places in the source": lambda rows: [str(row) for row in rows],
    "with zeros and words": lambda rows: [f"img_{row:05}.png" for row in rows],
    "backwards": lambda rows: [str(10**6 - int(row)) for row in rows],
    "the class modulo 3": lambda rows: [str(1000 + 3 * int(row) + int(row) // 50) for row in rows],
    "by its hash": lambda rows: hashed(rows),
}


def hashed(rows: Any) -> list[str]:
    """Ids that reveal nothing until they are sorted by their CRC-32."""
    names = sorted(map(str, range(5000, 5000 + ROWS)), key=lambda each: zlib.crc32(each.encode()))
    return [names[row] for row in rows]


@pytest.mark.parametrize("name", BY_ID)
def test_an_id_that_says_where_a_row_was_is_found(source: Source, name: str) -> None:
    order = np.random.default_rng().permutation(ROWS)
    told, _ = attack(parts(*cut(order), BY_ID[name]), source)
    assert "the id" in told


def test_an_order_that_says_where_a_row_was_is_found(source: Source) -> None:
    order = np.random.default_rng().permutation(ROWS)
    train, test = np.sort(order[:-SIZE]), order[-SIZE:]
    told, _ = attack(
        parts(train, test, lambda rows: [str(zlib.crc32(b"%d" % r)) for r in rows]), None
    )
    assert told.startswith("the place tells ripe in train")


@pytest.mark.slow("it deals rows many times")
def test_rows_dealt_by_chance_are_never_blamed(source: Source) -> None:
    """Forty random orders, of which a test that fails once in twenty would hardly pass all."""
    rng = np.random.default_rng()
    for _ in range(40):
        order = rng.permutation(ROWS)
        assert attack(parts(*cut(order)), source)[0] == ""


# ---- prepared tasks


def historic(table: Any, task: Any, variant: int) -> Split:
    """The way this project once split: by a seed from the task's name and the variant."""
    seed = [zlib.crc32(task.id.encode()), zlib.crc32(b"split"), 2 * variant]
    rng = np.random.default_rng(seed)
    test = choose_test_rows(table, task.data, task.data.test_size, rng)
    train = np.setdiff1d(np.arange(len(table)), test)
    train, test = rng.permutation(train), rng.permutation(test)
    return Split(np.concatenate([train, test]), np.arange(len(table)) >= len(train))


def test_the_place_tells_nothing_of_values_of_which_many_are_equal() -> None:
    """Quarters of a column with ties must not be cut by the place."""
    rng = np.random.default_rng(0)
    values = np.where(rng.random(2000) < 0.6, -1, rng.integers(0, 40, 2000))
    part = Part("test", [str(n) for n in rng.permutation(2000)], {"y": classes(pd.Series(values))})
    assert attack([part], None)[0] == ""


@pytest.mark.parametrize("name", ["wine", "zoo", "cpu-performance", "iris-pipeline"])
def test_a_split_from_a_public_seed_would_be_found(
    name: str, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (build, adversary):
        monkeypatch.setattr(module, "split_variant", historic)
    told, _ = computable(prepare(name))
    assert told.startswith("variant 0: the seed [")


FOREST = """
import pandas as pd
from sklearn.model_selection import train_test_split

def prepare(raw, public, private, rng):
    table = pd.read_csv(raw / "raw.csv")
    table.insert(0, "id", rng.permutation(len(table)))
    train, test = train_test_split(table, test_size=60, {options})
    train.to_csv(public / "train.csv", index=False)
    test.drop(columns="ripe").to_csv(public / "test.csv", index=False)
    test[["id", "ripe"]].to_csv(private / "answers.csv", index=False)
"""


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("random_state=42", True),
        ("random_state=0, stratify=table['ripe']", True),
        ("shuffle=False", True),
        ("random_state=int(rng.integers(2**32))", False),
    ],
)
def test_prepare_py_s_own_seed_is_found(
    make_task: MakeTask, own_cache: Path, options: str, found: bool
) -> None:
    files = {"prepare.py": FOREST.format(options=options)}
    changes = {"data": {"test_size": None, "stratify": None}}
    dataset = prepare(load_task(make_task(changes, files=files, table=fruit(200))))
    assert bool(computable(dataset)[0]) == found


@pytest.mark.slow("it prepares a task with many keys")
def test_a_task_is_safe_with_any_key(make_task: MakeTask, own_cache: Path) -> None:
    folder = make_task(table=fruit(120).sort_values("ripe", ignore_index=True))
    for key in ("01" * 32, "02" * 32, "03" * 32):
        told, tried = computable(prepare(load_task(keyed(folder, key))))
        assert told == ""
        assert tried.endswith("in each of 6 datasets")


def test_a_layout_that_can_t_be_obfuscated_is_attacked_as_it_is(
    make_task: MakeTask, own_cache: Path
) -> None:
    code = TABLES.replace('"train.csv": train,', '"train.csv": train, "lab.py": "print(1)",')
    dataset = prepare(load_task(make_task(GENERATED, files={"generate.py": code})))
    told, tried = computable(dataset)
    assert not told
    assert "in each of 3 datasets" in tried


def test_which_rows_are_public_must_not_show(
    make_task: MakeTask, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_task({"data": {"test_size": 100}}, table=fruit(200))
    monkeypatch.setattr(
        build, "with_usage", lambda task, answers, rng: answers.assign(Usage=usage(len(answers)))
    )
    told, _ = computable(prepare(load_task(folder)))
    assert "the id tells which rows are public in test" in told


def usage(rows: int) -> list[str]:
    return ["Public"] * 30 + ["Private"] * (rows - 30)


def test_the_generators_of_a_task_are_the_only_ones() -> None:
    """Code that makes datasets draws only from the key, except for MLE-bench's splits."""
    root = PACKAGE
    seeds = ("default_rng(", "random_state=0", "RandomState(", "random.seed(", "random.Random(")
    allowed = {
        "authoring/attack.py": "the adversary's",
        "authoring/draw_key_and_split.py": "from the operating system",
        "authoring/target_checks.py": "a tree that looks for leaks",
        "datasets/toolkit/spoken_text.py": "MLE-bench's split",
        "authoring/new_task.py": "of a model in a template",
        "authoring/family_measures.py": "guesses that the gate makes",
        "authoring/something_to_learn.py": "the bootstrap over variants",
        "datasets/splits.py": "around the key's own bits",
    }
    found = {
        str(file.relative_to(root))
        for part in ("tasks", "datasets", "authoring")
        for file in (root / part).glob("**/*.py")
        if any(seed in file.read_text(encoding="utf-8") for seed in seeds)
    }
    assert found == set(allowed)
