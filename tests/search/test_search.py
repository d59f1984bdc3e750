"""Searches with a server that plays the model, on a family that is solved step by step."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import mle_gym
from mle_gym.chat.endpoint import Endpoint
from mle_gym.chat.model_budget import ModelBudget
from mle_gym.env import MLEEnv
from mle_gym.errors import AgentError
from mle_gym.search.attempt import Attempt
from mle_gym.search.run_folder import RunFolder
from mle_gym.search.search import Policy, Search, SearchSettings
from mle_gym.search.tree import ROOT, Tree
from mle_gym.trajectories.trajectory import Trajectory
from tests.agents.scripted_model import Always, Failing, says, serving
from tests.search.levers import Player, levers, written
from tests.search.test_tree import script
from tests.task_folders import MakeTask, make_task

__all__ = ["make_task"]

pytestmark = pytest.mark.bubblewrap


class Chain:
    """Each attempt continues the one before."""

    remembers = True

    def choose(self, tree: Tree, running: Sequence[Attempt]) -> Attempt | None:
        """The next link, when the last one is there."""
        if running:
            return None
        return Attempt("improve", len(tree)) if len(tree) else Attempt("draft", ROOT)


class Pairs:
    """Drafts, as many at once as there are workers."""

    remembers = False

    def choose(self, tree: Tree, running: Sequence[Attempt]) -> Attempt | None:
        """A draft."""
        return Attempt("draft", ROOT)


def search(
    task: Path,
    out: Path,
    policy: Policy,
    url: str,
    *,
    budget: ModelBudget,
    workers: int = 1,
    made: Callable[[MLEEnv], object] = lambda env: None,
    **arguments: Any,
) -> Trajectory | None:
    """Search in a folder, and return the episode."""

    def make() -> MLEEnv:
        env = mle_gym.make(str(task), size="micro", **arguments)
        made(env)
        return env

    folder = RunFolder(out, {"task": task.name})
    settings = SearchSettings("test", budget, workers=workers, seed=0)
    model = Endpoint("scripted", url).open()
    return Search(make, model, policy, settings, folder, say=lambda line: None).run()


def told(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "tree.json").read_text())
    return found


@pytest.mark.slow("it plays attempts")
def test_each_attempt_continues_where_its_parent_left_off_and_the_way_is_an_episode(
    make_task: MakeTask, tmp_path: Path
) -> None:
    task, out = levers(make_task), tmp_path / "run"
    plans = [written(name, f"{name}='plain'") for name in ("a", "b", "c")]
    with serving(*plans) as model:
        episode = search(task, out, Chain(), model.url, budget=ModelBudget(calls=3))
    assert len(model.requests) == 3
    found = told(out)
    assert [node["parent"] for node in found["nodes"]] == [0, 1, 2]
    assert found["spent"]["calls"] == 3
    assert found["spent"]["steps"] == 6
    assert found["spent"]["tokens"] == 330
    assert found["spent"]["cost"] is None
    assert found["running"] == []
    best = found["best"]
    assert episode is not None
    assert len(episode.steps) == 2 * best + 1
    assert [step.observation["steps_left"] for step in episode.steps] == sorted(
        (step.observation["steps_left"] for step in episode.steps), reverse=True
    )
    assert [bool(step.turn) for step in episode.steps] == [True, False] * best + [False]
    mle_gym.register_tasks(task)
    assert mle_gym.verify_trajectory(out / "episode.jsonl").verdict == "confirmed"
    assert mle_gym.replay(out / "episode.jsonl", trust=True).differences == ()
    assert not list((out / "snapshots").iterdir())


@pytest.mark.slow("it plays attempts in parallel")
def test_attempts_in_parallel_begin_alike_and_keep_apart(
    make_task: MakeTask, tmp_path: Path
) -> None:
    task, out = levers(make_task), tmp_path / "run"
    plans = [written(name, f"{name}='plain'") for name in ("a", "b", "c", "d")]
    with serving(*plans) as model:
        search(task, out, Pairs(), model.url, budget=ModelBudget(calls=4), workers=2)
    nodes = told(out)["nodes"]
    assert [node["parent"] for node in nodes] == [0] * 4
    assert sorted(node["plan"] for node in nodes) == ["I a.", "I b.", "I c.", "I d."]
    single = {node["plan"]: node["validation"] for node in nodes}
    assert len(set(single.values())) == 4  # none saw another's levers


@pytest.mark.slow("it plays attempts, and is stopped")
def test_a_search_that_was_stopped_goes_on_and_keeps_what_it_spent(
    make_task: MakeTask, tmp_path: Path
) -> None:
    task, out = levers(make_task), tmp_path / "run"
    first, then = written("a", "a='plain'"), written("b", "b='plain'")
    refusal = Failing(401, {"error": {"message": "no such key"}})
    with serving(first, refusal) as model, pytest.raises(AgentError, match="no such key"):
        search(task, out, Chain(), model.url, budget=ModelBudget(tokens=150))
    before = told(out)
    assert before["result"] is None
    assert before["spent"]["tokens"] == 110
    assert [each["number"] for each in before["running"]] == [2]
    with serving(then, then) as model:
        search(task, out, Chain(), model.url, budget=ModelBudget(tokens=150))
    after = told(out)
    assert len(model.requests) == 1  # 110 of 150 tokens were spent before
    assert "- " in model.requests[0]["messages"][1]["content"]
    assert after["nodes"][0] == before["nodes"][0]
    assert [node["parent"] for node in after["nodes"]] == [0, 1]
    assert after["seconds"] > before["seconds"]
    with pytest.raises(AgentError, match="finished"):
        RunFolder(out, {"task": task.name})


@pytest.mark.slow("it plays attempts, and is stopped")
def test_an_attempt_whose_files_are_gone_is_neither_continued_nor_handed_in(
    make_task: MakeTask, tmp_path: Path
) -> None:
    task, out = levers(make_task), tmp_path / "run"
    policy = script("tree_search").Greedy(drafts=1)
    refusal = Failing(401, {"error": {"message": "no such key"}})
    with serving(written("a", "a='plain'"), refusal) as model, pytest.raises(AgentError):
        search(task, out, policy, model.url, budget=ModelBudget(calls=2))
    lost = RunFolder(out, {"task": task.name}).snapshot(1)
    assert lost is not None
    lost.delete()
    with serving(written("b", "b='plain'")) as model:
        episode = search(task, out, policy, model.url, budget=ModelBudget(calls=2))
    first, second = told(out)["nodes"]
    assert not first["can_continue"]
    assert (second["operation"], second["parent"]) == ("draft", 0)
    assert episode is not None
    assert told(out)["result"]["best"] == 2


def test_a_folder_of_another_search_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, {"task": "one", "seed": 1})
    folder.save({"result": None})
    with pytest.raises(AgentError, match="seed=1, not 2"):
        RunFolder(tmp_path, {"task": "one", "seed": 2})
    assert RunFolder(tmp_path, {"task": "one", "seed": 1}).found["result"] is None


@pytest.mark.slow("it plays attempts that fail")
def test_attempts_that_fail_are_told_why_and_none_is_handed_in(
    make_task: MakeTask, tmp_path: Path
) -> None:
    task, out = levers(make_task), tmp_path / "run"
    bodies = [
        "No program today.",
        "```python\nprint('validation: 0.1')\n```",
        "```python\nraise SystemExit(3)\n```",
        "```python\nopen('submission.csv', 'w').write('id')\nprint('validation: 0.1')\n```",
        "```python\nimport os\nos.system('submit data/sample_submission.csv')\n```",
    ]
    with serving(*map(says, bodies)) as model:
        episode = search(task, out, Pairs(), model.url, budget=ModelBudget(calls=5))
    assert episode is None
    found = told(out)
    assert found["result"] == {"reason": "no attempt led to a valid submission"}
    problems = [node["problem"] for node in found["nodes"]]
    assert problems[0] == "there was no program in the reply"
    assert problems[1] == "it ended with exit code 1"  # validate found no file
    assert problems[2] == "it ended with exit code 3"
    assert problems[3].startswith("the submission is not valid: ")
    assert problems[4] == "the program handed in by itself"
    assert [node["can_continue"] for node in found["nodes"]] == [True] * 4 + [False]
    assert found["spent"]["calls"] == 5


@pytest.mark.slow("it searches four times")
def test_search_beats_independent_drafts_at_equal_calls(
    make_task: MakeTask, tmp_path: Path
) -> None:
    """By a model that guesses: what makes the difference is what the search keeps."""
    task = levers(make_task)
    scores: dict[str, list[float]] = {"tree_search": [], "best_of_n": []}
    for seed in (1, 3):
        policies = {
            "tree_search": script("tree_search").Greedy(drafts=3, debug_chance=0.3),
            "best_of_n": script("best_of_n").Independent(),
        }
        policies["tree_search"].rng.seed(seed)
        for name, policy in policies.items():
            out = tmp_path / f"{name}-{seed}"
            with serving(Always(Player(seed))) as model:
                episode = search(task, out, policy, model.url, budget=ModelBudget(calls=24))
            assert episode is not None
            assert episode.grade is not None
            assert told(out)["spent"]["calls"] == 24
            scores[name].append(episode.grade["score"])
    assert max(scores["tree_search"]) < 0.5 * min(scores["best_of_n"]), scores
