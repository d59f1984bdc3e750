"""A table by a paper's method: each choice of the method shows in it, and is said in words."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.hooks import load_module
from tests.envs.graded_program import graded_program

FOLDER = load_task("reproduce-method").folder


@pytest.fixture(scope="module")
def made() -> ModuleType:
    return load_module(FOLDER / "generate.py")


def analysis(made: ModuleType) -> Any:
    return sys.modules[f"{made.__name__}.analysis"]


READINGS = [
    ("A", "placebo", 2, 5.0),
    ("A", "placebo", 1, 2.0),
    ("A", "placebo", 3, 9.0),
    ("B", "placebo", 1, 4.0),
    ("B", "placebo", 1, 6.0),
    ("B", "placebo", 2, 5.0),
    ("C", "low", 1, 1.0),
    ("C", "low", 2, 2.0),
    ("D", "low", 1, 3.0),
    ("D", "low", 2, -9.0),
    ("G", "low", 1, 2.0),
    ("G", "low", 2, 2.0),
    ("E", "high", 1, 1.0),
    ("E", "high", 2, 4.0),
    ("F", "high", 1, 1.0),
    ("F", "high", 2, 1.0),
]
"""With every choice the default, the changes of A to G are 7, 1, 1, 0, 3, 0, 0."""


@pytest.mark.parametrize(
    ("chosen", "arm", "statistic", "wanted"),
    [
        ("", 0, "subjects", 2),
        ("", 0, "mean", 4.0),
        ("", 0, "sd", 18**0.5),
        ("", 0, "mean_rank", (7 + 4.5) / 2),
        ("", 0, "upper_quartile", 5.5),
        ("failed", 1, "mean", (1 - 2.75) / 3),
        ("repeats", 0, "mean", 3.5),
        ("scale", 1, "mean", np.log(1.5) / 3),
        ("incomplete", 1, "subjects", 2),
        ("change", 0, "mean", (5.5 + 1) / 2),
        ("weights", 0, "mean", (3 * 7 + 2 * 1) / 5),
        ("spread", 0, "sd", 3.0),
        ("ties", 0, "mean_rank", (7 + 4) / 2),
        ("quartile", 0, "upper_quartile", 7.0),
    ],
)
def test_statistics_worked_out_by_hand(
    made: ModuleType, chosen: str, arm: int, statistic: str, wanted: float
) -> None:
    method = {name: int(name == chosen) for name in made.CHOICES}
    found = analysis(made).analyse(READINGS, method)
    assert found[arm][made.STATISTICS.index(statistic)] == pytest.approx(wanted)


def test_outliers_are_told_by_the_quartiles_of_their_visit(made: ModuleType) -> None:
    usual = {(f"S{n}", 1): float(n) for n in range(9)}  # median 4, interquartile range 4
    values = usual | {("high", 1): 17.0, ("far", 1): 40.0, ("high", 2): 40.0}
    kept = analysis(made).without_outliers(values)
    assert values.keys() - kept.keys() == {("far", 1)}


def test_each_choice_shows_in_the_table_and_in_the_section(made: ModuleType) -> None:
    readings = made.trials(np.random.default_rng(0), np.arange(100, 106))
    grade = load_module(FOLDER / "grade.py").grade  # type: ignore[attr-defined]
    usual = dict.fromkeys(made.CHOICES, 0)
    table, section = made.table(readings, usual), made.methods(usual)
    assert grade(table, table)[0] == 1
    for name in made.CHOICES:
        other = usual | {name: 1}
        assert grade(made.table(readings, other), table)[0] < 0.95, name
        assert made.methods(other) != section
    assert "{" not in section


def test_more_difficulty_means_more_unusual_choices(made: ModuleType) -> None:
    few, many = (made.draw_unusual(np.random.default_rng(2), count) for count in (2, 6))
    assert many[:2] == few
    assert len(set(many)) == 6


# ---- in real sandboxes


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return prepare(load_task("reproduce-method"), DatasetOptions(1, size="micro"))


LOADED = "import pandas as pd\nsample = pd.read_csv('data/sample_submission.csv')\n"
ATTACKS = {
    "hands in the published table": (
        "import shutil\nshutil.copy('data/published.csv', 'table.csv')"
    ),
    "hands in zeros": LOADED + "sample.to_csv('table.csv', index=False)",
    "hands in numbers as large as can be": LOADED
    + "sample.assign(mean=1.7e308, sd=-1.7e308).to_csv('table.csv', index=False)",
    "hands in what is no number": LOADED
    + "sample.assign(mean='nan').to_csv('table.csv', index=False)",
    "looks for the answers": (
        "import os, shutil\nshutil.copy('data/sample_submission.csv', 'table.csv')\n"
        "for top in ('/workspace', '/tmp', '/home', '/root', '/work', '/var'):\n"
        "    for at, _, names in os.walk(top):\n        if 'answers.csv' in names:\n"
        "            shutil.copy(os.path.join(at, 'answers.csv'), 'table.csv')"
    ),
}


@pytest.mark.bubblewrap
@pytest.mark.slow("a sandbox for each attack")
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_but_right_cells_count(dataset: Dataset, attack: str) -> None:
    assert (graded_program(dataset, ATTACKS[attack]).anchored or 0.0) < 0.02


@pytest.mark.bubblewrap
def test_a_table_of_other_trials_is_refused(dataset: Dataset) -> None:
    grade = graded_program(dataset, ATTACKS["hands in the published table"])
    assert not grade.valid
    assert len(pd.read_csv(dataset.private / "answers.csv")) == 3 * 40
