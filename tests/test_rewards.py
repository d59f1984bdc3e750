from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mle_gym.env import MLEEnv
from mle_gym.grading.grader import Grade
from mle_gym.rewards import REWARDS, Progress, check_reward, load_reward
from mle_gym.tasks.catalog import load_task

GRADE = Grade(
    task="titanic",
    variant=0,
    valid=True,
    metric="accuracy",
    higher_is_better=True,
    score=0.7,
    normalized=0.7,
    percentile=0.25,
    thresholds={"gold": 0.9, "silver": 0.8, "bronze": 0.75, "median": 0.6},
    beats_median=False,
    beats_floor=True,
)
INVALID = replace(GRADE, valid=False, score=None, normalized=0.0, percentile=None, beats_floor=None)


def medal(name: str) -> Grade:
    return replace(GRADE, medal=name, beats_median=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reward", "grade", "paid"),
    [
        ("score", GRADE, 0.7),
        ("score", INVALID, 0.0),
        ("percentile", GRADE, 0.25),
        ("percentile", INVALID, 0.0),
        ("medal", medal("gold"), 1.0),
        ("medal", medal("silver"), 0.75),
        ("medal", medal("bronze"), 0.5),
        ("medal", medal(""), 0.25),
        ("medal", GRADE, 0.0),
        ("medal", INVALID, 0.0),
        ("milestones", medal("gold"), 1.0),
        ("milestones", medal("silver"), 0.85),
        ("milestones", medal("bronze"), 0.7),
        ("milestones", medal(""), 0.55),
        ("milestones", GRADE, 0.4),
        ("milestones", replace(GRADE, beats_floor=False), 0.2),
        ("milestones", INVALID, 0.0),
        ("milestones", replace(GRADE, thresholds={}, beats_median=None), 0.4 + 0.6 * 0.7),
        ("milestones", replace(GRADE, beats_floor=None, normalized=0.0), 0.2),
    ],
)
def test_a_grade_pays_what_the_table_says(reward: str, grade: Grade, paid: float) -> None:
    assert load_reward(reward)(Progress(grade=grade)) == pytest.approx(paid)


@pytest.mark.parametrize("reward", ["score", "percentile", "medal"])
def test_nothing_is_paid_before_the_grade(reward: str) -> None:
    assert load_reward(reward)(Progress(ran=True, exists=True, valid=True)) == 0


def test_milestones_pay_on_the_way() -> None:
    potential = load_reward("milestones")
    ladder = [
        Progress(),
        Progress(ran=True),
        Progress(ran=True, exists=True),
        Progress(ran=True, exists=True, valid=True),
        Progress(ran=True, exists=True, valid=True, grade=GRADE),
    ]
    assert [potential(progress) for progress in ladder] == [0.0, 0.05, 0.1, 0.2, 0.4]
    assert potential(Progress(ran=True, exists=True, grade=INVALID)) == 0.1


@pytest.fixture
def own_reward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The import path of a reward that pays the number of rows."""
    (tmp_path / "own_rewards.py").write_text(
        "class Rewards:\n    rows = staticmethod(lambda grade: grade.rows)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "own_rewards:Rewards.rows"


def test_an_import_path_gets_the_grade(own_reward: str) -> None:
    potential = load_reward(own_reward)
    assert potential(Progress(ran=True)) == 0.0
    assert potential(Progress(grade=replace(GRADE, rows=418))) == 418.0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module_here:f", "can't be imported: No module named"),
        ("math:no_such_function", "can't be imported: .*no_such_function"),
        ("math:pi", "is float, not a callable"),
    ],
)
def test_an_import_path_to_nothing_says_so(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_reward(name)


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_every_named_reward_fits_titanic(name: str) -> None:
    check_reward(name, load_task("titanic"))


# ---- in an episode


@pytest.fixture
def play() -> Iterator[Callable[..., list[float]]]:
    made: list[MLEEnv] = []

    def rewards_of(*actions: Any, **arguments: Any) -> list[float]:
        env = MLEEnv("titanic", **arguments)
        made.append(env)
        env.reset(seed=0)
        return [env.step(action)[1] for action in actions]

    yield rewards_of
    for env in made:
        env.close()


def test_milestones_of_an_episode_sum_to_how_it_ended(
    play: Callable[..., list[float]],
) -> None:
    rewards = play(
        "false",
        "true",
        "echo nonsense > submission.csv",
        "cp data/sample_submission.csv submission.csv",
        "rm submission.csv",
        "cp data/sample_submission.csv submission.csv",
        "echo idle",
        "sed -i 2d submission.csv",
        "submit",
        reward="milestones",
    )
    assert rewards == pytest.approx([0.0, 0.05, 0.05, 0.1, -0.15, 0.15, 0.0, -0.1, 0.0])
    assert sum(rewards) == pytest.approx(0.1)


def test_deleting_the_submission_at_the_end_pays_no_more_than_having_run(
    play: Callable[..., list[float]],
) -> None:
    rewards = play(
        "cp data/sample_submission.csv submission.csv",
        "rm submission.csv",
        reward="milestones",
        max_steps=2,
    )
    assert sum(rewards) == pytest.approx(0.05)


def test_a_callable_of_one_s_own_decides(play: Callable[..., list[float]], own_reward: str) -> None:
    rewards = play("cp data/sample_submission.csv submission.csv", "submit", reward=own_reward)
    assert rewards == [0.0, 418.0]


def test_percentile_is_paid_where_the_leaderboard_was_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLE_GYM_CACHE", str(tmp_path))
    task = load_task("spooky-author-identification")
    with pytest.raises(ValueError, match="has no leaderboard"):
        check_reward("percentile", task)
    folder = tmp_path / "kaggle" / task.data.ref
    folder.mkdir(parents=True)
    (folder / "leaderboard.csv").write_text("score\n0.1\n0.2\n")
    check_reward("percentile", task)
