"""Episodes under interruptions: other threads, Ctrl-C, the clock, Gymnasium's wrappers."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gymnasium
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.wrappers import DelayObservation, FrameStackObservation, TimeLimit

from mle_gym.env import MLEEnv
from mle_gym.errors import TaskError
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.wrappers import fork

pytestmark = pytest.mark.bubblewrap
SAMPLE = "cp data/sample_submission.csv submission.csv"
MakeEnv = Callable[..., MLEEnv]


@pytest.fixture
def make() -> Iterator[MakeEnv]:
    made: list[MLEEnv] = []

    def make_one(**arguments: Any) -> MLEEnv:
        made.append(MLEEnv("zoo", sandbox="bubblewrap", **arguments))
        made[-1].reset(seed=0)
        return made[-1]

    yield make_one
    for env in made:
        env.close()


def later(seconds: float, call: Callable[[], Any]) -> threading.Timer:
    """Call a function in another thread."""
    timer = threading.Timer(seconds, call)
    timer.start()
    return timer


# -------------------------------------------------------------------------------- other threads


@pytest.mark.parametrize("end", ["reset", "close"])
def test_a_step_ends_when_another_thread_resets_or_closes(make: MakeEnv, end: str) -> None:
    env = make()
    timer = later(0.3, getattr(env, end))
    observation, reward, terminated, truncated, info = env.step("sleep 100")
    timer.join()
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert observation in env.observation_space
    assert (info["failure"]["kind"], info["failure"]["cause"]) == ("interrupted", "caller")
    if end == "reset":
        assert env.step("echo on")[0]["output"] == "on\n"
    else:
        with pytest.raises(ResetNeeded):
            env.step("echo on")


def test_a_storm_of_resets_and_closes_leaves_one_episode_or_none(make: MakeEnv) -> None:
    env = make()
    calls = [env.reset, lambda: env.step("sleep 0.2"), env.close, env.snapshot, env.interrupt] * 4

    def call(function: Callable[[], Any]) -> str:
        try:
            function()
        except Exception as error:
            return type(error).__name__
        return ""

    with ThreadPoolExecutor(8) as pool:
        raised = set(pool.map(call, calls))
    assert raised <= {"", "ResetNeeded", "SandboxCrashed"}
    env.reset(seed=0)
    assert env.step(f"{SAMPLE}; submit")[4]["grade"]["valid"]


def test_many_forks_at_the_same_time_while_a_step_runs(make: MakeEnv) -> None:
    env = make()
    env.step("echo state > notes")

    def one(_: int) -> str:
        twin = fork(env)
        output: str = twin.step("cat notes")[0]["output"]
        twin.close()
        return output

    with ThreadPoolExecutor(9) as pool:
        step = pool.submit(env.step, "sleep 0.5; cat notes")
        assert set(pool.map(one, range(16))) == {"state\n"}
    assert step.result()[0]["output"] == "state\n"


def test_a_command_that_another_thread_interrupts_ends_with_130(make: MakeEnv) -> None:
    env = make()
    later(0.3, env.interrupt)
    observation, *_, info = env.step("sleep 100")
    assert observation["exit_code"] == 130
    assert info["reward_valid"]
    assert env.step("echo on")[0]["output"] == "on\n"


# ---------------------------------------------------------------------------------------- Ctrl-C


def test_ctrl_c_ends_the_command_and_the_episode_goes_on(make: MakeEnv) -> None:
    env = make()
    env.step(f"{SAMPLE}; echo work > work")
    later(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        env.step("sleep 100")
    observation, reward, terminated, _, info = env.step("cat work; submit")
    assert observation["output"].startswith("work\n")
    assert terminated
    assert reward == info["grade"]["normalized"]


@pytest.mark.parametrize("call", ["submit", "validate"])
def test_ctrl_c_while_something_is_graded(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    env = make(max_steps=3)
    with monkeypatch.context() as patch:
        name = "grade" if call == "submit" else "validate"
        patch.setattr(
            PredictionsGrader, name, lambda *_: os.kill(os.getpid(), signal.SIGINT) or time.sleep(9)
        )
        with pytest.raises(KeyboardInterrupt):
            env.step(f"{SAMPLE}; {call}; touch after")
    observation, _, terminated, _, info = env.step("ls")
    if call == "submit":  # it was submitted before, and is graded now
        assert terminated
        assert info["grade"]["valid"]
    else:
        assert observation["output"].split() == ["data", "submission.csv"]


# ------------------------------------------------------------------------------------- the clock


def test_what_is_written_after_the_deadline_does_not_count(make: MakeEnv) -> None:
    env = make(time_limit=3.0)
    env.step(f"{SAMPLE}; (setsid sh -c 'sleep 4; echo late > submission.csv' &) &")
    time.sleep(5)
    observation, _, _, truncated, info = env.step("true")
    assert truncated
    assert "submission.csv was graded as it is" in observation["output"]
    assert info["grade"]["valid"]


def test_a_snapshot_does_not_bring_the_deadline_forward(make: MakeEnv) -> None:
    env = make(time_limit=60.0)
    env.step("sleep 100 & echo $! > pid")
    env.snapshot().delete()
    assert env.step("kill -0 $(cat pid) && echo on")[0]["output"] == "on\n"


def test_finish_grades_what_lies_there(make: MakeEnv) -> None:
    env = make()
    env.step(SAMPLE)
    observation, reward, terminated, truncated, info = env.finish()
    assert (terminated, truncated) == (False, True)
    assert "it was finished; submission.csv was graded as it is" in observation["output"]
    assert reward == info["grade"]["normalized"] > 0
    with pytest.raises(ResetNeeded):
        env.finish()


# ---------------------------------------------------------------------------- Gymnasium's wrappers


def test_a_time_limit_around_an_environment_truncates_with_a_grade(make: MakeEnv) -> None:
    made = gymnasium.make("mle/zoo-v0", sandbox="bubblewrap", max_episode_steps=2)
    for env in (made, TimeLimit(make(), 2), TimeLimit(TimeLimit(make(), 2), 5)):
        observation, _ = env.reset(seed=0)
        assert observation["steps_left"] == 2
        env.step(SAMPLE)
        twin = fork(env)
        for each in (env, twin):
            *_, truncated, info = each.step("true")
            assert truncated
            assert info["grade"]["valid"]
            each.close()


def test_wrappers_that_look_back_work(make: MakeEnv) -> None:
    stacked = FrameStackObservation(make(), 2)
    observation, _ = stacked.reset(seed=0)
    assert observation["seconds_left"].shape == (2, 1)
    observation, *_ = stacked.step("echo two")
    assert observation["output"][1] == "two\n"
    delayed = DelayObservation(make(), 1)
    observation, _ = delayed.reset(seed=0)
    assert observation in delayed.observation_space
    assert "Zoo" in delayed.step("echo two")[0]["output"]


# ------------------------------------------------------------------------- graders that are broken


@pytest.mark.parametrize("tool", ["validate", "score"])
def test_a_broken_grader_is_not_the_submission_s_fault(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    env = make(feedback="score")

    def fail(*_: object) -> Any:
        raise TaskError("KeyError: 'the answer is 42'")

    monkeypatch.setattr(PredictionsGrader, "validate", fail)
    monkeypatch.setattr(PredictionsGrader, "public_score", fail)
    for action in (f"{SAMPLE}; {tool}; echo on", {"tool": tool}):
        observation, _, terminated, truncated, info = env.step(action)
        assert "the grader failed, which is not the submission's fault" in observation["output"]
        assert "42" not in observation["output"]
        assert info["reward_valid"]
        assert not terminated
        assert not truncated
