"""A release is worth what it keeps, unless somebody can be told from it: by words or by linking."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.grading.grade import Grade
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.hooks import load_module
from tests.grading.graders.test_program_runs import grader_of

FOLDER = load_task("de-identify").folder
TEXT = ("birth", "sex", "area", "arrived", "diagnosis", "note")


@pytest.fixture(scope="module")
def made() -> ModuleType:
    return load_module(FOLDER / "generate.py")


def part(made: ModuleType, name: str) -> Any:
    return sys.modules[f"{made.__name__}.{name}"]


# ---- the policy


@pytest.mark.parametrize(
    ("chosen", "function", "value", "wanted"),
    [
        ({}, "born", "1987-03-05", "1987"),
        ({"birth": 1}, "born", "1987-03-05", "1985"),
        ({}, "born", "1931-03-05", "1940"),
        ({"oldest": 1, "birth": 1}, "born", "1947-03-05", "1950"),
        ({}, "area", "07123", "0"),
        ({"area": 1}, "area", "07123", "07"),
        ({}, "arrived", "2024-03-03T10:00", "2024-02-26"),
        ({"arrived": 1}, "arrived", "2024-03-03T10:00", "2024-03-01"),
    ],
)
def test_cells_worked_out_by_hand(
    made: ModuleType, chosen: dict[str, int], function: str, value: str, wanted: str
) -> None:
    policy = part(made, "policy")
    assert getattr(policy, function)(value, policy.Rules(**chosen)) == wanted


def test_patients_and_codes_are_counted_by_patient(made: ModuleType) -> None:
    policy = part(made, "policy")
    patients = ["c", "a", "c", "b", "d"]
    assert policy.numbers(patients, policy.Rules()) == [1, 2, 1, 3, 4]
    assert policy.numbers(patients, policy.Rules(numbering=1)) == [3, 1, 3, 2, 4]
    codes, five = ["A01.1"] * 5 + ["A01.2"] * 5, [*"abcde", *"abcda"]
    found = policy.diagnoses(codes, five, policy.Rules(diagnosis=1))
    assert found == ["A01.1"] * 5 + ["A01"] * 5


def test_what_too_few_people_share_is_left_out(made: ModuleType) -> None:
    policy = part(made, "policy")
    people = [("1980-01-01", "f", "01001")] * 5 + [("1980-01-01", "f", "11001")] * 2
    people += [("1981-01-01", "f", "11001")] * 3 + [("1981-01-01", "x", "11001")]
    register = pd.DataFrame(people, columns=["birth_date", "sex", "postcode"])
    crowd = policy.Crowd(register, policy.Rules())
    assert crowd.safe("1980", "f", "0") == ("1980", "f", "0")
    assert crowd.safe("1980", "f", "1") == ("1980", "f", "")
    assert crowd.safe("1981", "f", "1") == ("", "f", "")
    assert crowd.safe("1981", "x", "1") == ("", "", "")
    other = policy.Crowd(register, policy.Rules(first_out=1))
    assert other.safe("1981", "f", "1") == ("", "f", "1")


# ---- notes


def test_each_rule_shows_in_the_policy(made: ModuleType) -> None:
    policy = part(made, "policy")
    usual = made.policy_text(policy.Rules())
    for name in policy.SENTENCES:
        assert made.policy_text(policy.Rules(**{name: 1})) != usual, name
    assert "{" not in usual


def test_a_name_is_mistyped_by_one_slip(made: ModuleType) -> None:
    hurried, rng = part(made, "notes").hurried, np.random.default_rng(0)
    found = {hurried(rng, "Okafor", 1.0) for _ in range(300)}
    assert "OKAFOR" in found
    slips = found - {"OKAFOR", "Okafor"}
    assert len(slips) > 5
    assert all(slip[0] == "O" and abs(len(slip) - 6) <= 1 for slip in slips)
    assert {hurried(rng, "Okafor", 0.0) for _ in range(50)} == {"Okafor"}


# ---- the grade


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return prepare(load_task("de-identify"), DatasetOptions(1, size="micro"))


Judge = Callable[[pd.DataFrame], tuple[float, dict[str, Any]]]


@pytest.fixture(scope="module")
def right(dataset: Dataset) -> pd.DataFrame:
    columns = ["visit", "person", *TEXT]
    table = pd.read_csv(
        dataset.private / "answers.csv", dtype=dict.fromkeys(TEXT, str), keep_default_na=False
    )
    return table[columns]


@pytest.fixture(scope="module")
def judge(dataset: Dataset, right: pd.DataFrame) -> Judge:
    grade = load_module(FOLDER / "grade.py").grade
    return lambda release: grade(release, right, dataset.private)


@pytest.fixture(scope="module")
def raw(dataset: Dataset) -> pd.DataFrame:
    return pd.read_csv(dataset.inputs / "visits.csv", dtype=str, keep_default_na=False)


def test_the_right_release_is_useful_and_names_nobody(judge: Judge, right: pd.DataFrame) -> None:
    score, parts = judge(right)
    assert score == parts["utility"] == 1
    assert parts["patients identified"] == 0


def test_an_empty_release_names_nobody_and_is_worth_nothing(
    judge: Judge, right: pd.DataFrame
) -> None:
    score, parts = judge(right.assign(person=0, **dict.fromkeys(TEXT, "")))
    assert score < 0.01
    assert parts["patients identified"] == 0


@pytest.mark.parametrize("column", ["note", "diagnosis"])
def test_a_name_in_any_cell_identifies(
    judge: Judge, right: pd.DataFrame, raw: pd.DataFrame, column: str
) -> None:
    assert raw["visit"].astype(int).tolist() == right["visit"].tolist()
    surname = raw["name"].str.split(",").str[0]
    said = surname.str.upper() if column == "diagnosis" else right["note"]
    if column == "note":
        said = raw["note"]
    score, parts = judge(right.assign(**{column: said}))
    assert parts["patients identified"] > 100
    assert score < 0.3


def test_exact_values_link_to_the_register(
    judge: Judge, right: pd.DataFrame, raw: pd.DataFrame
) -> None:
    """Without a name in sight: the quasi-identifiers alone tell who it is."""
    year = raw["birth_date"].str.extract(r"(\d{4})")[0]
    linked = right.assign(birth=year, area=raw["postcode"].str.zfill(5))
    score, parts = judge(linked)
    assert parts["patients identified"] > 0.9 * right["person"].nunique()
    assert score == pytest.approx(0, abs=1e-6)


def test_words_that_a_policy_lets_stay_must_stay(judge: Judge, right: pd.DataFrame) -> None:
    short = right["note"].str.rsplit(n=2).str[0]
    _, parts = judge(right.assign(note=short))
    assert parts["note"] < 0.05
    assert parts["patients identified"] == 0


def test_a_note_with_every_word_is_not_useful(judge: Judge, right: pd.DataFrame) -> None:
    dictionary = " ".join(right["note"].str.replace("*", "").head(12))
    _, parts = judge(right.assign(note=dictionary))
    assert parts["note"] == 0


def test_cells_as_long_as_can_be_are_graded(judge: Judge, right: pd.DataFrame) -> None:
    release = right.copy()
    release.loc[0, ["note", "birth", "area"]] = "x" * 2_000_000
    score, _ = judge(release)
    assert score == pytest.approx(1, abs=0.01)


# ---- in real sandboxes

LOOK = "import os, shutil\nshutil.copy('data/sample_submission.csv', 'release.csv')\n"
ATTACKS = {
    "hands in the approved release": (
        "import shutil\nshutil.copy('data/approved.csv', 'release.csv')"
    ),
    "looks for the answers": LOOK
    + "for top in ('/workspace', '/tmp', '/home', '/root', '/work', '/var'):\n"
    "    for at, _, names in os.walk(top):\n        if 'answers.csv' in names:\n"
    "            shutil.copy(os.path.join(at, 'answers.csv'), 'release.csv')",
    "hands in all as it is": (
        "import pandas as pd\nraw = pd.read_csv('data/visits.csv', dtype=str)\n"
        "raw.assign(person=1, birth=raw['birth_date'], area=raw['postcode'])[\n"
        "    ['visit', 'person', 'birth', 'sex', 'area', 'arrived', 'diagnosis', 'note']\n"
        "].to_csv('release.csv', index=False)"
    ),
    "leaves a gigabyte": "open('release.csv', 'w').truncate(2**30)",
}


def graded(dataset: Dataset, program: str) -> Grade:
    return grader_of(dataset).grade({"deidentify.py": program.encode()})


@pytest.mark.bubblewrap
@pytest.mark.slow("a sandbox for each attack")
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_but_a_right_release_counts(dataset: Dataset, attack: str) -> None:
    assert (graded(dataset, ATTACKS[attack]).anchored or 0.0) < 0.02
