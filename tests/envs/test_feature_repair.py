"""A program to repair: its faults show on hidden rows, and nothing but right features counts."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.episode.episode_start import program_sandboxes
from mle_gym.grading.grade import Grade
from mle_gym.grading.graders.program import ProgramGrader
from mle_gym.grading.graders.program_run import ProgramRunner
from mle_gym.sandbox.sandbox_config import SandboxConfig
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.hooks import load_module

FOLDER = load_task("feature-repair").folder
RULES = 10


@pytest.fixture(scope="module")
def made() -> ModuleType:
    return load_module(FOLDER / "generate.py")


def catalogue(made: ModuleType) -> Any:
    return sys.modules[f"{made.__name__}.catalogue"]


def program() -> str:
    return (FOLDER / "features.py").read_text(encoding="utf-8")


def features_of(made: ModuleType, code: str, orders: str, customers: str = "") -> pd.DataFrame:
    """What a program makes of a few orders and customers of 2024, each a line of cells."""
    heads = {
        "orders.csv": "order_id customer store placed_at currency amount",
        "customers.csv": "customer since tier joined",
        "rates.csv": "currency day eur",
    }
    lines = {
        "orders.csv": orders,
        "customers.csv": customers,
        "rates.csv": "EUR 2024-01-01 1, USD 2024-01-01 .9, USD 2024-03-10 .8, JPY 2024-01-01 .01",
    }
    tables = {
        name: pd.DataFrame(
            [line.split() for line in lines[name].split(",") if line], columns=head.split()
        ).replace("-", "")
        for name, head in heads.items()
    }
    found = made.run(code, {**tables, "clocks.csv": made.clocks(2024)})
    return found.set_index("order_id")


def test_features_worked_out_by_hand(made: ModuleType) -> None:
    found = features_of(
        made,
        program(),
        "9 017 berlin 2024-03-02T22:30:00+00:00 EUR 2000,"
        "10 017 berlin 2024-03-16T22:30:00+00:00 USD 1005,"
        "11 017 berlin 2024-03-16T22:30:00+00:00 EUR 1000,"
        "12 17 berlin 2024-03-31T08:00:00+02:00 JPY 6000,"
        "13 - new_york 2024-03-10T23:30:00+09:00 USD 300000000",
        "017 2004-03-17 1 2004-03-17, 017 2024-03-10 3 2004-03-17, 17 2020-02-29 2 2020-02-29",
    )
    assert found["amount_eur"].tolist() == [20.0, 8.04, 10.0, 60.0, 2_400_000.0]
    assert found["local_hour"].tolist() == [23, 23, 23, 8, 10]
    assert found["weekend"].tolist() == [1, 1, 1, 1, 1]
    assert found["days_since_previous"].tolist() == [-1, 14, 0, -1, -1]
    assert found["order_number"].tolist() == [1, 2, 3, 1, 1]
    assert found["spend_window"].tolist() == [0, 20.0, 28.04, 0, 0]
    assert found["spread_eur"].tolist() == pytest.approx([0, 8.46, 6.41, 0, 0])
    assert found["tenure_years"].tolist() == [19, 19, 19, 4, -1]
    assert found["tier"].tolist() == [1, 3, 3, 2, 0]
    assert found["amount_band"].tolist() == [1, 0, 0, 2, 3]
    assert found["day_rank"].tolist() == [1, 2, 1, 1, 1]


def test_every_fault_makes_hidden_cells_wrong(made: ModuleType) -> None:
    found, rng = catalogue(made), np.random.default_rng(0)
    start, rules = datetime(2024, 2, 20, tzinfo=UTC), dict.fromkeys(made.RULES, 0)
    shared = {"clocks.csv": made.clocks(2024), "rates.csv": made.rates(rng, start)}
    tables = {**shared, **made.world(rng, start, 9000 + rng.permutation(2000)[:500], edges=0.5)}
    right = made.run(program(), tables)
    assert len(made.RULES) == RULES
    for fault in (*made.RULES, *made.LOUD, *made.QUIET):
        broken = found.broken_program(program(), rules, [fault])
        assert made.share_right(made.run(broken, tables), right)[0] < 0.999, fault


def test_each_fault_can_be_put_into_each_program(made: ModuleType) -> None:
    found = catalogue(made)
    for option in (0, 1):
        rules = dict.fromkeys(made.RULES, option)
        right = found.right_program(program(), rules)
        broken = found.broken_program(right, rules, [*made.RULES, *made.LOUD, *made.QUIET])
        compile(broken, "features.py", "exec")
        with pytest.raises(ValueError, match="once in the program"):
            found.broken_program(broken, rules, ["overflow"])


def test_more_difficulty_means_more_faults(made: ModuleType) -> None:
    few, many = (made.draw_faults(np.random.default_rng(3), count) for count in (4, 8))
    assert many[:4] == few
    assert len(set(many)) == 8
    assert sum(name in made.RULES for name in few) == 2


# ---- in real sandboxes


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return prepare(load_task("feature-repair"), DatasetOptions(1, size="micro"))


def graded(dataset: Dataset, code: str) -> Grade:
    spec = dataset.task.submission.code
    assert spec is not None
    sandboxes = program_sandboxes("bubblewrap", SandboxConfig(), spec)
    return ProgramGrader(dataset, ProgramRunner(dataset, sandboxes)).grade(
        {"features.py": code.encode()}
    )


@pytest.mark.bubblewrap
def test_the_broken_program_is_worth_nothing(dataset: Dataset) -> None:
    grade = graded(dataset, (dataset.public / "features.py").read_text(encoding="utf-8"))
    assert grade.valid
    assert grade.anchored == 0
    assert set(grade.parts) == {*pd.read_csv(dataset.public / "expected.csv").columns[1:]}


ZEROS = "import pandas as pd\nsample = pd.read_csv('data/sample_submission.csv')\n"
ATTACKS = {
    "hands in the examples": "import shutil\nshutil.copy('data/expected.csv', 'features.csv')",
    "writes what is no number": ZEROS
    + "sample.assign(tier='nan').to_csv('features.csv', index=False)",
    "writes too much": "open('features.csv', 'wb').write(b'1,' * 2**26)",
    "kills what runs it": "import os\nos.kill(os.getppid(), 9)\nos.kill(-1, 9)",
    "writes zeros": ZEROS + "sample.to_csv('features.csv', index=False)",
    "looks for the answers": (
        "import os, shutil\nfound = [os.path.join(folder, name) for top in ('/workspace', '/tmp',"
        " '/home', '/root', '/work', '/var') for folder, _, names in os.walk(top) for name in names"
        " if name in ('answers.csv', 'truth.json')]\n"
        "shutil.copy(found[0] if found else 'data/expected.csv', 'features.csv')"
    ),
}


@pytest.mark.bubblewrap
@pytest.mark.slow("a sandbox for each attack")
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_but_right_features_counts(dataset: Dataset, attack: str) -> None:
    grade = graded(dataset, ATTACKS[attack])
    assert not grade.valid or grade.anchored == 0
    assert not grade.anchored
