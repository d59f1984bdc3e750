"""Cards are tried by the grader on people whom no program sees; a worse card adds nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.grading.grade import Grade
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.hooks import load_module
from tests.grading.graders.test_program_runs import grader_of

FOLDER = load_task("front-of-models").folder
ROOM = [0, 1, 2, 3, 4, 5, 6, 7, 8]


@pytest.fixture(scope="module")
def front() -> Any:
    return load_module(FOLDER / "front.py")


# ---- what a card is worth


@pytest.mark.parametrize(
    ("points", "volume"),
    [
        ([], 0.0),
        ([(0.5, 0.5, 0.5)], 0.125),
        ([(0.5, 0.5, 0.5), (0.5, 0.4, 0.5)], 0.125),
        ([(1.0, 0.5, 0.5), (0.5, 1.0, 0.5), (0.5, 0.5, 1.0)], 0.5),
        ([(0.0, 1.0, 1.0), (1.0, 0.0, 1.0)], 0.0),
    ],
)
def test_volumes_worked_out_by_hand(front: Any, points: list[Any], volume: float) -> None:
    assert front.hypervolume(points) == pytest.approx(volume)
    assert front.hypervolume(points[::-1]) == pytest.approx(volume)


def test_a_volume_is_what_random_points_say(front: Any) -> None:
    rng = np.random.default_rng(0)
    points, thrown = rng.random((6, 3)), rng.random((200_000, 3))
    covered = np.any(np.all(thrown[:, None] <= points, axis=2), axis=1).mean()
    assert front.hypervolume(points) == pytest.approx(covered, abs=0.005)


def test_people_with_equal_points_share_the_places_that_are_left(front: Any) -> None:
    score = np.array([9, 5, 5, 5, 5, 1, 1, 1])  # two places, one of them for four people
    assert front.seen(score).tolist() == [1, 0.25, 0.25, 0.25, 0.25, 0, 0, 0]


def test_fairness_halves_with_each_ten_points_between_the_versions(front: Any) -> None:
    answers = np.array([[8]] * 2 + [[0]] * 6)
    ill, points = np.array([1, 0, 0, 0, 1, 0, 0, 0]), np.array([ROOM], dtype=float)
    same, apart = np.array([0, 0, 0, 0, 0, 1, 1, 1]), np.array([0, 1, 0, 0, 1, 0, 0, 1])
    ill_of_both = np.array([1, 1, 0, 0, 0, 0, 0, 0])
    accuracy, _ = front.accuracy_and_fairness(answers, apart, ill, points)
    assert accuracy == pytest.approx((0.5 - 0.25) / 0.75)
    assert front.accuracy_and_fairness(answers, apart, ill, points)[1] == pytest.approx(0.5**10)
    assert front.accuracy_and_fairness(answers, apart, ill_of_both, points)[1] == 1
    assert same.sum() == 3


@pytest.mark.parametrize("time", ["items", "sections"])
def test_questions_are_added_until_no_minutes_are_left(front: Any, time: str) -> None:
    sets = np.eye(4, dtype=bool) if time == "items" else np.array([[1, 1, 0, 0], [0, 0, 1, 1]]) > 0
    apart, minutes = np.array([3.0, 1.0, 2.0, 0.5]), sets.sum(1) * 2.0
    asked = front.chosen(apart, np.eye(4), sets, minutes, 4.0)
    assert asked.tolist() == ([True, False, True, False] if time == "items" else [1, 1, 0, 0])
    assert not front.chosen(apart, np.eye(4), sets, minutes, 1.0).any()


# ---- the generator


def test_what_is_drawn_shows_in_people_and_minutes() -> None:
    made: Any = load_module(FOLDER / "generate.py")
    axes = {"scoring": "amount", "version": "shift", "time": "sections"}
    world = made.World(np.random.default_rng(1), axes, 0.5)
    people = world.people(4000)
    means = [people.answers[people.translated == who].mean(0) for who in (False, True)]
    assert np.abs(means[0] - means[1]).max() > 0.5
    assert 0.1 < people.chance.mean() < 0.35
    one, section = np.arange(16) == 0, np.arange(16) < 4
    assert world.took(section) < 1.5 * world.took(one)


# ---- the grade, in real sandboxes

Hand = Callable[[str], Grade]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return prepare(load_task("front-of-models"), DatasetOptions(1, size="micro"))


@pytest.fixture
def grade(dataset: Dataset) -> Hand:
    return lambda program: grader_of(dataset).grade({"fit.py": program.encode()})


def leaves(card: str) -> str:
    return f"open('card.json', 'w').write({card!r})"


BAD = {
    "text": "A1: 3",
    "a list": "[1, 2]",
    "a question that isn't there": json.dumps({"Z9": ROOM}),
    "too few points": json.dumps({"A1": [1, 2]}),
    "no number": json.dumps({"A1": [*ROOM[:-1], None]}),
    "a truth value": json.dumps({"A1": [*ROOM[:-1], True]}),
    "not a number": '{"A1": [0, 1, 2, 3, 4, 5, 6, 7, NaN]}',
    "infinity": '{"A1": [0, 1, 2, 3, 4, 5, 6, 7, 1e999]}',
    "a number of a thousand digits": json.dumps({"A1": [*ROOM[:-1], 10**1000]}),
    "deep nesting": "[" * 9000,
    "more than a card can need": json.dumps({"A1": ROOM}) + " " * 30_000,
}


@pytest.mark.parametrize("card", BAD)
def test_what_is_no_card_is_refused(dataset: Dataset, tmp_path: Path, card: str) -> None:
    grade_files, folder = graded_alone(dataset, tmp_path)
    (folder / "1-1" / "card.json").write_text(BAD[card])
    with pytest.raises(Exception, match=r"expected|at most") as raised:
        grade_files(folder, dataset.private)
    assert raised.value.code in ("not_a_card", "too_large")  # type: ignore[attr-defined]


def graded_alone(dataset: Dataset, folder: Path) -> tuple[Any, Path]:
    """The task's own function, and a folder as six runs leave it of which one came to an end."""
    (folder / "1-1").mkdir()
    (folder / "measurements.json").write_text(json.dumps({"sets": [{}] * 6}))
    return grade_module().grade_files, folder


def grade_module() -> Any:
    made: ModuleType = load_module(FOLDER / "grade.py")
    return made


def test_dominated_and_missing_cards_add_nothing(dataset: Dataset, tmp_path: Path) -> None:
    grade_files, folder = graded_alone(dataset, tmp_path)
    cards = [{"A1": ROOM, "B1": ROOM}, {}, {"A1": ROOM, "B1": ROOM, "C1": [0] * 9}]
    scores = []
    for number, card in enumerate(cards, start=1):
        run = folder / f"{number}-1"
        run.mkdir(exist_ok=True)
        (run / "card.json").write_text(json.dumps(card))
        score, parts = grade_files(folder, dataset.private)
        scores.append(score)
    assert scores[0] == scores[1] == scores[2]
    assert parts["cards"] == "3 of 6"
    assert parts["dominated"] == 1
    assert people(dataset)["answers"].shape == (3000, 16)


def people(dataset: Dataset) -> Any:
    return np.load(io.BytesIO((dataset.private / "people.npz").read_bytes()))


@pytest.mark.bubblewrap
def test_a_program_is_called_with_six_trade_offs(dataset: Dataset, grade: Hand) -> None:
    told = [json.loads((each / "trade_off.json").read_text()) for each in dataset.input_sets]
    fields = {(each["fairness"] >= 0.5, int(3 * each["brevity"])) for each in told}
    assert len(fields) == len(told) == 6
    some = grade(
        "import json\nwanted = json.load(open('data/trade_off.json'))\n"
        "if wanted['fairness'] < 0.5:\n    raise SystemExit('no')\n"
        f"json.dump({{'A1': {ROOM}}}, open('card.json', 'w'))"
    )
    assert some.valid
    assert some.parts["cards"] == "3 of 6"


ATTACKS = {
    "asks nothing and claims all": leaves("{}"),
    "gives everybody the same points": leaves(json.dumps({"A1": [1e6] * 9})),
    "looks for the people": (
        "import os\nfound = [at for top in ('/workspace', '/tmp', '/home', '/root', '/work')\n"
        "         for at, _, names in os.walk(top) for name in names if name == 'people.npz']\n"
        "open('card.json', 'w').write('{}' if not found else '[')"
    ),
    "keeps count of its calls": (
        "import os\nfor top in ('/tmp', '/dev/shm', '/var/tmp', '.'):\n"
        "    if os.path.exists(top + '/called'):\n"
        "        open('card.json', 'w').write('[')\n        break\n"
        "else:\n    for top in ('/tmp', '/dev/shm', '/var/tmp', '.'):\n"
        "        if os.path.isdir(top):\n            open(top + '/called', 'w').close()\n"
        "    open('card.json', 'w').write('{}')"
    ),
}
"""The last two leave what is no card if they find what they look for."""


@pytest.mark.bubblewrap
@pytest.mark.slow("six runs of each attack")
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_but_a_good_card_is_worth_anything(grade: Hand, attack: str) -> None:
    found = grade(ATTACKS[attack])
    assert found.valid, found.error_message
    assert found.score == pytest.approx(0, abs=1e-9)
    assert found.parts["cards"] == "6 of 6"


@pytest.mark.bubblewrap
def test_a_card_of_a_gigabyte_is_not_fetched(grade: Hand) -> None:
    found = grade("open('card.json', 'w').truncate(2**30)")
    assert not found.valid
    assert found.score is None


def test_the_people_to_be_found_are_not_those_of_the_study(dataset: Dataset) -> None:
    study = (dataset.public / "study.csv").read_text()
    hidden = people(dataset)["answers"]
    rows = {",".join(map(str, row)) for row in hidden.tolist()}
    shared = sum(row in study for row in rows)
    assert shared < 5
