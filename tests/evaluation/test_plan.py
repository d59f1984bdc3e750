"""What may be planned, and what is refused before anything is played."""

from __future__ import annotations

from pathlib import Path

import pytest

from mle_gym.errors import AgentError, PlanError, TaskError
from mle_gym.evaluation.plan import Plan, parse_variants, plan_of, read_plan

PLAN = """
tasks = ["titanic", "mle/wine-v0"]
variants = "heldout:2"
seeds = 2
environment = { feedback = "score" }
agents = ["baseline", { name = "best", agent = "solution", budget = { steps = 5 } }]
"""


def test_a_file_says_it_all(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN)
    plan = read_plan(tmp_path / "plan.toml").check()
    assert len(plan) == len(list(plan.episodes)) == 16
    assert {each.env_id for each in plan.episodes} == {"mle/titanic-v0", "mle/wine-v0"}
    assert plan.variants == (-1, -2)
    first, second = list(plan.episodes)[:2]
    assert (first.agent, second.agent) == ("baseline", "best")  # agents take turns
    assert first.id == "titanic-v0/baseline/variant-1-seed0"
    assert plan.arguments(second)["max_steps"] == 5
    assert plan.arguments(second)["feedback"] == "score"
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tasks": []}, "tasks"),
        ({"agents": ["solution", "solution"]}, "named twice"),
        ({"seeds": [1, 1]}, "named twice"),
        ({"variants": "heldout"}, "heldout:5"),
        ({"variants": "1,1"}, "each once"),
        ({"colour": 1}, "colour"),
        ({"agents": [{"name": "a b", "agent": "solution"}]}, "name"),
        ({"agents": [{"name": "a", "agent": "solution", "budget": {"steps": 0}}]}, "steps"),
        ({"format": 99}, "format"),
        ({"agents": [{"name": "..", "agent": "solution"}]}, "name"),
        ({"ids": {"titanic": "mle/../../x-v0"}}, "ids"),
        ({"ids": {"titanic": "/tmp/x-v0"}}, "ids"),
        ({"ids": {"wine": "mle/wine-v0"}}, "ids"),
        ({"seeds": range(1_000_001)}, "1,000,001 episodes"),
        ({"seeds": range(2_000), "variants": range(2_000)}, "4,000,000 episodes"),
    ],
)
def test_what_is_no_plan_is_refused_with_the_field(
    changed: dict[str, object], message: str
) -> None:
    given = {"agents": ["solution"], "tasks": ["titanic"], **changed}
    with pytest.raises(ValueError, match=message):
        plan_of(given)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"agents": ["solutoin"]}, AgentError, "solution"),
        ({"tasks": ["titanci"]}, TaskError, "titanic"),
        ({"tasks": ["titanic", "mle/titanic-v0"]}, PlanError, "counts? twice"),
        ({"environment": {"sandbxo": "auto"}}, PlanError, "sandbox"),
        ({"environment": {"score_calls": -1}}, PlanError, "score_calls"),
        ({"environment": {"variant": 3}}, PlanError, "variant"),
    ],
)
def test_what_does_not_exist_is_refused_before_anything_is_played(
    changed: dict[str, object], error: type[Exception], message: str
) -> None:
    given = {"agents": ["solution"], "tasks": ["titanic"], **changed}
    with pytest.raises(error, match=message):
        plan_of(given).check()


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("agents = [")
    with pytest.raises(PlanError, match=r"plan\.toml"):
        read_plan(tmp_path / "plan.toml")


def test_variants_are_written_in_short() -> None:
    assert parse_variants("0, 3,-2") == (0, 3, -2)
    assert parse_variants("1..3") == (1, 2, 3)
    assert parse_variants("train:2,heldout:1") == (1, 2, -1)


def test_a_suite_brings_its_tasks_and_their_size() -> None:
    plan = plan_of({"agents": ["solution"], "suite": "micro", "tasks": ["titanic"]})
    sizes = {each.task: plan.arguments(each).get("size") for each in plan.episodes}
    assert sizes["titanic"] is None  # real data have one size
    assert sizes["messy-tabular"] == "micro"
    assert "titanic" in plan.tasks
