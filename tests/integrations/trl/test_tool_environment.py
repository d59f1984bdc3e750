"""The environment that TRL makes for each rollout; it works, and is tested, without TRL."""

from __future__ import annotations

import gc
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import mle_gym
from mle_gym.env import MLEEnv
from mle_gym.errors import SandboxCrashed
from mle_gym.integrations.trl import EpisodeLog, ToolEnvironment, environment_class
from mle_gym.integrations.trl.tool_rounds import ToolRounds

ROW = {"prompt": [], "task": "titanic", "variant": 1, "size": None, "difficulty": None}
WOMEN = """awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i; print "PassengerId,survived" }
NR > 1 { print $c["PassengerId"] "," (/,female,/ ? 1 : 0) }' data/test.csv > submission.csv"""

pytestmark = pytest.mark.bubblewrap


def tools_of(kind: type) -> list[str]:
    """What TRL takes for tools."""
    functions = inspect.getmembers(kind, predicate=inspect.isfunction)
    names = [name for name, _ in functions if not name.startswith("_")]
    return sorted(set(names) - {"reset", "get_reward"})


def played(*commands: str, **arguments: Any) -> ToolEnvironment:
    """An environment after some commands of a model that then stopped."""
    environment = environment_class(**{"reward": "score", **arguments})()
    environment.reset(**ROW)
    for command in commands:
        environment.bash(command=command)  # type: ignore[attr-defined]
    return environment


@pytest.mark.parametrize("tools", ["claude", "openai", "bash", "mle"])
@pytest.mark.parametrize("feedback", ["none", "validate", "score"])
def test_the_public_methods_are_the_tools_that_the_settings_allow(
    tools: Any, feedback: Any
) -> None:
    kind = environment_class(tools=tools, feedback=feedback)
    with mle_gym.make("titanic", feedback=feedback) as env:
        schemas = [each["function"] for each in mle_gym.tool_schemas(env, tools)]
    assert tools_of(kind) == sorted(each["name"] for each in schemas)
    for schema in schemas:
        signature = inspect.signature(getattr(kind(), schema["name"]))
        required = [p.name for p in signature.parameters.values() if p.default is p.empty]
        assert required == schema["parameters"]["required"]
        assert list(signature.parameters) == list(schema["parameters"]["properties"])
        documentation = inspect.getdoc(getattr(kind, schema["name"])) or ""
        assert documentation.startswith(schema["description"])
        for name, field in schema["parameters"]["properties"].items():
            assert f"    {name}: {field['description']}" in documentation


def test_a_rollout_earns_what_its_submission_is_worth(tmp_path: Path) -> None:
    log = EpisodeLog(tmp_path)
    environment = environment_class(log=log, reward="score", max_steps=5)()
    assert environment.reset(**ROW).startswith("# Titanic")
    answer = environment.bash(cmd=WOMEN, timeout="60")  # type: ignore[attr-defined]
    assert "4 steps" in answer
    assert "handed in" in environment.submit()  # type: ignore[attr-defined]
    assert environment.bash(command="ls") == "The episode is over."  # type: ignore[attr-defined]
    reward = environment.get_reward()
    assert reward is not None
    assert 0.7 < reward < 0.9
    assert environment.get_reward() == reward
    assert log.rewards == [reward]
    (path,) = tmp_path.glob("titanic-1-*.jsonl")
    assert mle_gym.verify_trajectory(path).verdict == "confirmed"
    assert environment.reset(**ROW).startswith("# Titanic")  # the next rollout
    assert environment.trajectory is None


def test_a_model_that_stops_talking_gets_its_file_graded(tmp_path: Path) -> None:
    environment = played(WOMEN, log=EpisodeLog(tmp_path))
    reward = environment.get_reward()
    assert reward is not None
    assert reward > 0.7
    trajectory = environment.trajectory
    assert trajectory is not None
    assert trajectory.left == "the model stopped calling tools"
    assert trajectory.grade is not None
    assert trajectory.grade["valid"]
    (path,) = tmp_path.iterdir()
    assert mle_gym.verify_trajectory(path).verdict == "confirmed"


def test_a_model_that_does_nothing_earns_a_true_zero(tmp_path: Path) -> None:
    environment = played(log=EpisodeLog(tmp_path))
    assert environment.get_reward() == 0.0
    assert environment.failure is None
    assert environment._seat.env is not None
    assert environment._seat.env._episode is None  # its sandbox is not kept
    (path,) = tmp_path.iterdir()
    assert mle_gym.verify_trajectory(path).verdict == "confirmed"


def test_a_failure_is_masked_and_no_zero() -> None:
    log = EpisodeLog()
    environment = played(WOMEN, reward="math:sqrt", log=log)
    assert environment.get_reward() is None
    assert environment.failure is not None
    assert environment.failure["kind"] == "reward_failed"
    assert log.rewards == [None]
    checks = {check.name: check for check in log.health().checks}
    assert checks["failures"].status == "wrong"
    assert checks["false_zeros"].status == "unmeasured"  # nothing entered training


def test_a_sandbox_that_fails_at_the_reset_costs_one_rollout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = environment_class("titanic", reward="score")()

    def crash(*_: Any, **__: Any) -> Any:
        raise SandboxCrashed("the launcher is gone")

    with monkeypatch.context() as patch:
        patch.setattr(MLEEnv, "reset", crash)
        assert "doesn't count" in environment.reset()
    assert "doesn't count" in environment.bash(command="ls")  # type: ignore[attr-defined]
    assert environment.get_reward() is None
    assert environment.failure is not None
    assert (environment.failure["kind"], environment.failure["stage"]) == ("sandbox_died", "reset")
    environment.reset()
    assert environment.failure is None
    assert environment.get_reward() == 0.0


def test_what_the_caller_got_wrong_is_raised() -> None:
    with pytest.raises(ValueError, match="name a task"):
        environment_class()().reset(prompt=[])
    with pytest.raises(ValueError, match="unknown task"):
        environment_class()().reset(task="titanik")
    with pytest.raises(ValueError, match="did you mean"):
        environment_class(tools="claud")  # type: ignore[arg-type]


def test_sandboxes_are_freed_with_their_environments() -> None:
    environment = played("sleep 60 &")
    env = environment._seat.env
    assert env is not None
    assert env._episode is not None
    del environment
    gc.collect()
    assert env._episode is None


def test_the_calls_of_a_batch_run_at_the_same_time_and_in_their_order() -> None:
    """Each rollout's first call waits for the other's, so one after the other they'd never end."""
    together, log = threading.Barrier(2, timeout=30), []

    def tools(rollout: int) -> dict[str, Callable[..., Any]]:
        def meet() -> str:
            together.wait()
            return f"met {rollout}"

        def note(text: str) -> str:
            log.append((rollout, text))
            if text == "bad":
                raise ValueError("bad")
            return text

        return {"meet": meet, "note": note}

    def call(name: str, **arguments: Any) -> dict[str, Any]:
        return {"type": "function", "function": {"name": name, "arguments": arguments}}

    calls = [call("meet"), call("unknown"), call("note", text="a"), call("note", text="bad")]
    batch: list[list[dict[str, Any]]] = [[{"tool_calls": calls}], [{"tool_calls": calls}], [{}]]
    with ThreadPoolExecutor(2) as pool:
        rounds = ToolRounds(batch, [tools(number) for number in range(3)], pool)
        for number in range(2):  # as TRL does, one after the other
            mine = rounds.tools(number)
            assert mine["meet"]() == f"met {number}"
            assert mine["note"](text="a") == "a"
            with pytest.raises(ValueError, match="bad"):
                mine["note"](text="bad")
        batch[0] += [{"role": "tool"}, {"tool_calls": [call("note", text="b")]}]
        assert rounds.tools(0)["note"](text="b") == "b"
    assert [text for rollout, text in log if rollout == 0] == ["a", "bad", "b"]
    assert [text for rollout, text in log if rollout == 1] == ["a", "bad"]
