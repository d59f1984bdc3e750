"""The tree of a search, what its policy chooses, and what is read from replies and outputs."""

from __future__ import annotations

import importlib.util
import random
import sys
from typing import Any
from xml.etree import ElementTree

import pytest

from mle_gym.chat.model_budget import ModelBudget, Spent
from mle_gym.errors import AgentError
from mle_gym.paths import bundled
from mle_gym.search.attempt import Attempt
from mle_gym.search.prompts import plan_and_program, prompt, validation_score
from mle_gym.search.tree import ROOT, Node, Tree
from mle_gym.search.tree_picture import picture


def script(name: str) -> Any:
    """The module of a script in ``agents/``."""
    spec = importlib.util.spec_from_file_location(name, bundled("agents") / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def node(number: int, parent: int, score: float | None, **fields: Any) -> Node:
    operation = fields.pop("operation", "draft" if parent == ROOT else "improve")
    problem = "" if score is not None else "it ended with exit code 1"
    return Node(
        number, parent, operation, f"plan {number}", "pass", "out", score, problem, **fields
    )


def tree(*nodes: Node, higher_is_better: bool = True) -> Tree:
    return Tree(higher_is_better=higher_is_better, nodes=nodes)


# ---- the tree


def test_the_best_is_by_the_direction_of_the_metric_and_the_first_of_equals() -> None:
    nodes = node(1, 0, 0.5), node(2, 0, 0.9), node(3, 2, 0.9), node(4, 2, 0.1), node(5, 0, None)
    assert tree().best() is None
    assert tree(*nodes).best() == nodes[1]
    assert tree(*nodes, higher_is_better=False).best() == nodes[3]
    stuck = node(6, 2, 0.95, can_continue=False)
    assert tree(*nodes, stuck).best() == stuck
    assert tree(*nodes, stuck).best(to_continue=True) == nodes[1]


def test_a_path_leads_from_the_draft_and_depths_count_failures_in_a_row() -> None:
    nodes = node(1, 0, 0.5), node(2, 1, None), node(3, 2, None), node(4, 3, 0.7)
    grown = tree(*nodes)
    assert [each.number for each in grown.path(nodes[3])] == [1, 2, 3, 4]
    assert [grown.debug_depth(each) for each in nodes] == [0, 1, 2, 0]


def test_what_attempts_took_adds_up_and_one_unknown_price_makes_the_sum_unknown() -> None:
    paid = Spent(calls=1, steps=2, tokens=10, cost=0.5, model_seconds=1.0, command_seconds=3.0)
    grown = tree(node(1, 0, 0.5, spent=paid), node(2, 0, None, spent=paid))
    assert grown.spent() == paid + paid
    assert grown.spent().cost == 1.0
    grown.add(node(3, 0, 0.1, spent=Spent(calls=1, cost=None)))
    assert grown.spent().cost is None
    assert grown.spent().calls == 3
    assert Node.from_dict(grown[1].to_dict()) == grown[1]


# ---- budgets


@pytest.mark.parametrize("unit", ["calls", "steps", "tokens", "cost"])
def test_a_budget_is_spent_when_its_own_unit_is(unit: str) -> None:
    budget = ModelBudget(**{unit: 2})
    assert budget.exceeded(Spent(**{unit: 1}), seconds=99.0) == ""
    word = "dollars" if unit == "cost" else unit
    assert budget.exceeded(Spent(**{unit: 2}), seconds=0.0) == f"the budget of {word} is spent"
    assert (
        ModelBudget(seconds=3.0).exceeded(Spent(), seconds=3.0) == "the budget of seconds is spent"
    )


def test_a_budget_that_nothing_can_be_compared_with_is_refused() -> None:
    with pytest.raises(AgentError, match="prompt_price"):
        ModelBudget(cost=1.0).check(priced=False)
    with pytest.raises(AgentError, match="budget of calls must be positive, not 0"):
        ModelBudget(calls=0).check(priced=True)


# ---- AIDE's policy


def greedy(**fields: Any) -> Any:
    return script("tree_search").Greedy(rng=random.Random(0), **fields)


def test_drafts_come_first_and_those_that_run_count() -> None:
    policy, draft = greedy(drafts=2), Attempt("draft", ROOT)
    assert policy.choose(tree(), []) == draft
    assert policy.choose(tree(), [draft]) == draft
    assert policy.choose(tree(), [draft, draft]) is None
    assert policy.choose(tree(node(1, 0, 0.5)), [draft]) == Attempt("improve", 1)


def test_the_best_attempt_that_can_be_continued_is_improved() -> None:
    grown = tree(node(1, 0, 0.5), node(2, 1, 0.7), node(3, 2, 0.8, can_continue=False))
    assert greedy(drafts=1).choose(grown, []) == Attempt("improve", 2)


def test_failures_are_mended_by_chance_each_once_and_not_for_ever() -> None:
    grown = tree(node(1, 0, 0.5), node(2, 1, None))
    assert greedy(drafts=1, debug_chance=1.0).choose(grown, []) == Attempt("debug", 2)
    assert greedy(drafts=1, debug_chance=0.0).choose(grown, []) == Attempt("improve", 1)
    mending = [Attempt("debug", 2)]
    assert greedy(drafts=1, debug_chance=1.0).choose(grown, mending) == Attempt("improve", 1)
    grown.add(node(3, 2, None, operation="debug"))
    for depth, chosen in ((1, Attempt("improve", 1)), (2, Attempt("debug", 3))):
        policy = greedy(drafts=1, debug_chance=1.0, debug_depth=depth)
        assert policy.choose(grown, []) == chosen


def test_without_anything_to_continue_it_drafts_again() -> None:
    grown = tree(node(1, 0, None, can_continue=False))
    assert greedy(drafts=1).choose(grown, []) == Attempt("draft", ROOT)


# ---- replies and outputs


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("I'll do it.\n```python\nx = 1\n```\nDone.", ("I'll do it.", "x = 1\n")),
        ("```\nx = 1\n```", ("", "x = 1\n")),
        ("First:\n```py\nx = 1\ny = 2\n```\nthen\n```bash\nls\n```", ("First:", "x = 1\ny = 2\n")),
        ("Cut off:\n```python\nx = 1\n", ("Cut off:", "x = 1\n")),
        ("No program.", ("No program.", "")),
    ],
)
def test_a_reply_has_a_plan_and_a_program(reply: str, found: tuple[str, str]) -> None:
    assert plan_and_program(reply) == found


@pytest.mark.parametrize(
    ("output", "score"),
    [
        ("validation: 0.5", 0.5),
        ("fold 1\nvalidation: 0.5\nValidation = 1e-3\nbye\n", 0.001),
        ("validation: 0.7\nvalidation: nan", None),
        ("validation: good\n", None),
        ("the validation: 0.5 of it", None),
        ("", None),
    ],
)
def test_the_last_validation_score_counts(output: str, score: float | None) -> None:
    assert validation_score(output) == score


def test_a_model_is_told_of_the_program_of_its_output_and_of_earlier_attempts() -> None:
    grown = tree(node(1, 0, 0.5), node(2, 0, None), higher_is_better=False)
    asked = prompt("# The brief", grown, "debug", grown[2])[1]["content"]
    assert asked.startswith("# The brief")
    assert "lower is better.\n- 0.5: plan 1\n- failed (it ended with exit code 1): plan 2" in asked
    assert "```python\npass\n```" in asked
    assert "exit code 1\nout\n```" in asked
    assert "plan 1" not in prompt("# The brief", None, "draft", None)[1]["content"]


def test_a_picture_shows_every_attempt_and_the_way_to_the_best() -> None:
    hostile = node(3, 2, 0.9)
    nodes = [node(1, 0, None), node(2, 0, 0.5), Node(**{**vars(hostile), "plan": "<b>&"})]
    drawn = ElementTree.fromstring(picture(tree(*nodes)))
    name = "{http://www.w3.org/2000/svg}"
    texts = [each.text for each in drawn.iter(f"{name}text")]
    assert {"root", "1", "2", "3", "failed", "0.5", "0.9"} <= set(texts)
    winning = [each for each in drawn.iter(f"{name}line") if each.get("stroke-width") == "3"]
    assert len(winning) == 2
    assert "3, improve: <b>&" in [each.text for each in drawn.iter(f"{name}title")]
    assert "root" in picture(tree())
