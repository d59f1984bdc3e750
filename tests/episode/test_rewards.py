from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mle_gym.env import MLEEnv
from mle_gym.episode.rewards import REWARDS, Progress, check_reward, load_reward
from mle_gym.grading.grade import Grade
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
    anchored=0.4,
    floor=0.6,
    ceiling=0.85,
)
INVALID = replace(
    GRADE,
    valid=False,
    score=None,
    normalized=0.0,
    percentile=None,
    beats_floor=False,
    anchored=0.0,
    floor=None,
    ceiling=None,
)


def paid_for(reward: str, progress: Progress) -> float:
    return sum(load_reward(reward)(progress).values())


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
        ("anchored", GRADE, 0.4),
        ("anchored", INVALID, 0.0),
        ("anchored", replace(GRADE, anchored=None), 0.0),
        ("milestones", GRADE, 0.1 + 0.9 * 0.4),
        ("milestones", medal("gold"), 0.1 + 0.9 * 0.4),
        ("milestones", replace(GRADE, score_ci=(0.65, 0.75)), 0.1 + 0.9 * 0.4),
        ("milestones", replace(GRADE, score_ci=(0.59, 0.75)), 0.0),
        ("milestones", replace(GRADE, beats_floor=False, anchored=0.0), 0.0),
        ("milestones", INVALID, 0.0),
    ],
)
def test_a_grade_pays_what_the_table_says(reward: str, grade: Grade, paid: float) -> None:
    assert paid_for(reward, Progress(grade=grade)) == pytest.approx(paid)


def test_noise_is_looked_at_on_the_side_of_the_floor() -> None:
    loss = replace(GRADE, higher_is_better=False, score=0.5, floor=0.6, ceiling=0.1, anchored=0.2)
    assert paid_for("milestones", Progress(grade=replace(loss, score_ci=(0.4, 0.59)))) > 0.1
    assert paid_for("milestones", Progress(grade=replace(loss, score_ci=(0.4, 0.61)))) == 0


@pytest.mark.parametrize("reward", ["score", "anchored", "percentile", "medal"])
def test_nothing_is_paid_before_the_grade(reward: str) -> None:
    assert paid_for(reward, Progress(promising=True)) == 0


def test_milestones_lend_until_the_grade() -> None:
    assert paid_for("milestones", Progress()) == 0
    assert paid_for("milestones", Progress(promising=True)) == 0.1
    assert paid_for("milestones", Progress(promising=True, grade=INVALID)) == 0


@pytest.mark.parametrize("reward", sorted(REWARDS))
def test_the_parts_of_a_reward_are_always_the_same(reward: str) -> None:
    potential = load_reward(reward)
    parts = potential(Progress()).keys()
    assert parts
    assert (
        potential(Progress(grade=GRADE)).keys()
        == potential(Progress(grade=INVALID)).keys()
        == parts
    )


@pytest.fixture
def own_reward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The import path of a reward that pays the number of rows."""
    (tmp_path / "own_rewards.py").write_text(
        "class Rewards:\n    rows = staticmethod(lambda grade: grade.rows)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "own_rewards:Rewards.rows"


def test_an_import_path_gets_the_grade(own_reward: str) -> None:
    assert paid_for(own_reward, Progress()) == 0.0
    assert paid_for(own_reward, Progress(grade=replace(GRADE, rows=418))) == 418.0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module_here:f", "can't be imported: ModuleNotFoundError: No module named"),
        ("math:no_such_function", "can't be imported: .*no_such_function"),
        ("math:pi", "is float, not a callable"),
    ],
)
def test_an_import_path_to_nothing_says_so(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_reward(name)


@pytest.mark.parametrize("name", sorted(REWARDS))
def test_every_named_reward_fits_a_task_with_medals(name: str) -> None:
    check_reward(name, load_task("digits"))


@pytest.mark.parametrize("task", ["titanic", "diabetes", "wine", "cpu-performance"])
def test_a_leaderboard_for_ranks_alone_has_no_medals(task: str) -> None:
    check_reward("percentile", load_task(task))
    with pytest.raises(ValueError, match=f"task '{task}' has no medals"):
        check_reward("medal", load_task(task))


@pytest.mark.parametrize("task", ["penguins", "zoo", "breast-cancer", "glass"])
def test_where_most_models_score_the_same_there_is_nothing_to_rank(task: str) -> None:
    for reward in ("percentile", "medal"):
        with pytest.raises(ValueError, match=f"task '{task}' has no"):
            check_reward(reward, load_task(task))


# ---- in an episode


ALTERNATE = "awk -F, 'NR > 1 {$2 = NR % 2} 1' OFS=, data/sample_submission.csv > submission.csv"
"""A valid submission that knows nothing, although it differs from row to row."""


@pytest.fixture
def play() -> Iterator[Callable[..., list[float]]]:
    made: list[MLEEnv] = []

    def rewards_of(*actions: Any, **arguments: Any) -> list[float]:
        env = MLEEnv("titanic", **arguments)
        made.append(env)
        env.reset(seed=0)
        steps = [env.step(action) for action in actions]
        for _, reward, *_, info in steps:
            assert sum(info["reward_parts"].values()) == pytest.approx(reward)
        return [step[1] for step in steps]

    yield rewards_of
    for env in made:
        env.close()


@pytest.mark.slow("it plays whole episodes")
def test_milestones_of_an_episode_sum_to_how_it_ended(play: Callable[..., list[float]]) -> None:
    rewards = play(
        "",
        "true",
        "touch submission.csv",
        "echo nonsense > submission.csv",
        "cp data/sample_submission.csv submission.csv",
        "sed -i 's/,0/,1/' submission.csv",
        ALTERNATE,
        "rm submission.csv",
        ALTERNATE,
        "echo idle",
        "sed -i 2d submission.csv",
        "submit",
        reward="milestones",
    )
    assert rewards == pytest.approx([0, 0, 0, 0, 0, 0, 0.1, -0.1, 0.1, 0, -0.1, 0])


def test_what_knows_nothing_hands_back_what_was_lent(play: Callable[..., list[float]]) -> None:
    assert play(ALTERNATE, "submit", reward="milestones") == pytest.approx([0.1, -0.1])
    assert play(ALTERNATE, "true", reward="milestones", max_steps=2) == pytest.approx([0.1, -0.1])


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
