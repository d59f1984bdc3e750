"""Statistics of a file that doesn't fit: exact, and in no more memory than there is."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.hooks import load_module
from tests.envs.graded_program import graded_program

FOLDER = load_task("fit-in-memory").folder


@pytest.fixture(scope="module")
def made() -> ModuleType:
    return load_module(FOLDER / "generate.py")


ORDERS = pd.DataFrame(
    [
        (10, 1, 5, 1, 100),
        (11, 1, 5, 1, 300),
        (12, 2, 5, 1, 100),
        (13, 3, 6, 1, 900),
        (14, 3, 7, 2, 250),
        (15, 3, 7, 2, 250),
    ],
    columns=["order", "user", "item", "region", "cents"],
)
PLANS = pd.DataFrame({"user": [1, 2, 3], "plan": [0, 1, 1]})


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"statistic": "total"}, [1400, 500]),
        ({"statistic": "largest"}, [900, 250]),
        ({"statistic": "count_from", "cents": 250}, [2, 2]),
        ({"statistic": "quantile", "q": 0.5}, [100, 250]),
        ({"statistic": "quantile", "q": 0.75}, [300, 250]),
        ({"statistic": "quantile", "q": 0.9}, [900, 250]),
        ({"statistic": "distinct_users"}, [3, 1]),
        ({"statistic": "distinct_pairs"}, [3, 1]),
        ({"statistic": "top_items", "by": "orders"}, [3, 2, 1]),
        ({"statistic": "top_items", "by": "cents"}, [900, 500, 500]),
        ({"statistic": "top_users"}, [3, 2, 1]),
        ({"statistic": "plan_total", "plan": "family"}, [1000, 500]),
        ({"statistic": "median_spend"}, [400, 500]),
        ({"statistic": "users_with", "orders": 2}, [1, 1]),
        ({"statistic": "commonest"}, [100, 250]),
    ],
)
def test_statistics_worked_out_by_hand(
    made: ModuleType, asked: dict[str, object], wanted: list[int]
) -> None:
    found = made.answer(ORDERS, PLANS, asked)
    assert found[: len(wanted)] == wanted
    assert not any(found[len(wanted) :])


def test_files_say_what_the_tables_do(made: ModuleType) -> None:
    found = made.files(ORDERS, PLANS)
    lines = found["orders.csv"].decode().splitlines()
    assert lines[0] == "order,user,item,region,cents"
    cells = [line.split(",") for line in lines[1:]]
    numbers = [[int(cell, base) for cell, base in zip(row, (16, 16, 16, 10, 10), strict=True)]
               for row in cells]  # fmt: skip
    assert numbers == ORDERS.to_numpy().tolist()
    assert found["users.csv"].decode().splitlines()[1:] == [
        "00000001,basic", "00000002,family", "00000003,family",
    ]  # fmt: skip


def test_more_difficulty_adds_hard_questions_to_the_same_ones(made: ModuleType) -> None:
    few, many = (
        {each["statistic"] for each in made.draw_questions(np.random.default_rng(5), hard)}
        for hard in (2, 7)
    )
    assert few < many
    assert len(many - set(made.EASY)) == 7


def test_each_question_counts_the_same() -> None:
    grade = load_module(FOLDER / "grade.py").grade  # type: ignore[attr-defined]
    answers = pd.DataFrame({"id": [11, 12, 21, 22, 101, 102], "value": [5, 6, 7, 8, 9, 10]})
    found = answers.assign(value=[5, 0, 7, 8, 1e300, -1.0]).sample(frac=1, random_state=0)
    score, parts = grade(found, answers)
    assert score == pytest.approx((0.5 + 1 + 0) / 3)
    assert parts == {"question 1": "1 of 2", "question 2": "2 of 2", "question 10": "0 of 2"}


# ---- in real sandboxes


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return prepare(load_task("fit-in-memory"), DatasetOptions(1, size="micro"))


def program_of(name: str) -> str:
    """The program that the baseline or the solution writes."""
    written = (FOLDER / name).read_text(encoding="utf-8")
    return written.split("PROGRAM = '''\\\n")[1].split("'''")[0]


@pytest.mark.bubblewrap
def test_what_fits_is_graded(dataset: Dataset) -> None:
    assert graded_program(dataset, program_of("solution.py")).score == 1


ANSWER = "\nopen('results.csv', 'wb').write(open('data/sample_submission.csv', 'rb').read())"
ATTACKS = {
    "holds a list of all rows": "import csv\nrows = list(csv.reader(open('data/orders.csv')))",
    "loads it with pandas": "import pandas as pd\ntable = pd.read_csv('data/orders.csv')",
    "keeps it in files that are memory": (
        "for n in range(30):\n    open(f'/tmp/{n}', 'wb').write(b'1' * 4 * 2**20)"
    ),
    "shares it among processes": (
        "import os, time\nfor n in range(3):\n    if os.fork() == 0:\n"
        "        held = bytearray(os.urandom(2**20)) * 30\n        time.sleep(20)\n"
        "        os._exit(0)\nfor n in range(3):\n    os.wait()"
    ),
    "raises its own limit": (
        "import resource\ntry:\n    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\n"
        "except (ValueError, OSError):\n    pass\nheld = bytearray(100 * 2**20)\n"
        "held[::4096] = b'1' * len(held[::4096])"
    ),
    "hands in zeros": "",
    "looks for the answers": (
        "import os, shutil\nfor top in ('/workspace', '/tmp', '/home', '/root', '/work', '/var'):\n"
        "    for at, _, names in os.walk(top):\n        if 'answers.csv' in names:\n"
        "            shutil.copy(os.path.join(at, 'answers.csv'), 'results.csv')\n"
        "            raise SystemExit"
    ),
}


@pytest.mark.bubblewrap
@pytest.mark.slow("a sandbox for each attack")
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_but_exact_answers_within_the_limit_count(dataset: Dataset, attack: str) -> None:
    assert not graded_program(dataset, ATTACKS[attack] + ANSWER).anchored
