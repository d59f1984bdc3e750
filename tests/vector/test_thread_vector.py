from __future__ import annotations

import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics

import mle_gym  # noqa: F401
from mle_gym.env import MLEEnv
from mle_gym.errors import DatasetError
from mle_gym.vector.thread_vector import ThreadVectorEnv

ID = "mle/titanic-v0"
SAMPLE = "cp data/sample_submission.csv submission.csv"
MODES = ["next_step", "same_step", "disabled"]

MakeVec = Callable[..., Any]


@pytest.fixture
def make() -> Iterator[MakeVec]:
    made: list[VectorEnv[Any, Any, Any]] = []

    def make_one(num_envs: int = 2, **arguments: Any) -> Any:
        made.append(gymnasium.make_vec(ID, num_envs=num_envs, **arguments))
        return made[-1]

    yield make_one
    for envs in made:
        envs.close()


def plain(value: Any) -> Any:
    """Nested values for comparison, without clocks, arrays as type and list."""
    if isinstance(value, dict):
        clocks = {"seconds_left", "execution", "_execution"}
        return {name: plain(item) for name, item in value.items() if name not in clocks}
    if isinstance(value, np.ndarray):
        return (str(value.dtype), [plain(item) for item in value.tolist()])
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return "nan" if value != value else value


def test_the_default_vector_environment_is_ours(make: MakeVec) -> None:
    envs = make(num_envs=3, max_steps=4)
    assert isinstance(envs, ThreadVectorEnv)
    assert envs.num_envs == 3
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert make(autoreset_mode="SameStep").metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert "autoreset_mode" not in MLEEnv.metadata
    assert envs.get_attr("settings")[2].max_steps == 4
    observations, infos = envs.reset(seed=0)
    assert observations in envs.observation_space
    assert infos["task"].tolist() == ["titanic"] * 3
    observations = envs.step(envs.action_space.sample())[0]
    assert observations in envs.observation_space
    assert observations["steps_left"].tolist() == [3, 3, 3]


@pytest.mark.parametrize("mode", MODES)
def test_results_equal_those_of_sync_vector_env(make: MakeVec, mode: str) -> None:
    """Two episodes end in different steps and ways: one valid and one invalid, then both."""
    rounds: list[list[Any]] = [
        [SAMPLE, "echo nonsense > submission.csv"],
        ["submit", "submit"],
        ["ls data", SAMPLE],
        [{"tool": "list_files"}, "submit"],
        [SAMPLE, "true"],
        ["validate", "true"],
    ]

    def play(envs: Any) -> list[Any]:
        results: list[Any] = [envs.reset(seed=[5, 6])]
        for actions in rounds:
            results.append(envs.step(actions))
            over = results[-1][2] | results[-1][3]
            if mode == "disabled" and over.any():
                results.append(envs.reset(options={"reset_mask": over}))
        for *_, infos in results:
            for each in (infos, infos.get("final_info", {})):
                if "reward_valid" in each:  # theirs is False for environments without a result
                    each["reward_valid"] |= ~each["_reward_valid"]
        return [plain(result) for result in results]

    arguments = {"variant": "random", "max_steps": 4}
    ours = play(make(autoreset_mode=mode, **arguments))
    theirs = play(
        make(
            vectorization_mode="sync",
            vector_kwargs={"autoreset_mode": AutoresetMode[mode.upper()]},
            **arguments,
        )
    )
    assert ours == theirs


def test_same_step_hands_over_the_final_observation_and_grade(make: MakeVec) -> None:
    envs = make(autoreset_mode="same_step")
    envs.reset(seed=0)
    observations, rewards, terminations, _, infos = envs.step([f"{SAMPLE}; submit", "echo on"])
    assert terminations.tolist() == [True, False]
    assert rewards[0] > 0
    assert "Titanic" in observations["output"][0]
    assert "submission.csv" in infos["final_obs"][0]["output"]
    assert infos["final_obs"][1] is None
    assert infos["final_info"]["grade"]["score"][0] == rewards[0]
    assert infos["final_info"]["reward_valid"].tolist() == [True, True]
    assert envs.step(["echo fresh", "echo on"])[0]["output"] == ("fresh\n", "on\n")


def test_next_step_resets_in_the_step_after_and_ignores_its_action(make: MakeVec) -> None:
    envs = make()
    envs.reset(seed=0)
    envs.step([f"{SAMPLE}; submit", "echo on"])
    observations, rewards, terminations, truncations, _ = envs.step(["ignored", "echo on"])
    assert "Titanic" in observations["output"][0]
    assert observations["output"][1] == "on\n"
    assert (rewards.tolist(), terminations.any(), truncations.any()) == ([0, 0], False, False)


def test_disabled_wants_a_reset_of_what_is_over(make: MakeVec) -> None:
    envs = make(autoreset_mode="disabled")
    envs.reset(seed=0)
    _, _, terminations, _, _ = envs.step([f"{SAMPLE}; submit", "touch kept"])
    with pytest.raises(ValueError, match=r"environments \[0\] have to be reset first"):
        envs.step(["ls", "ls"])
    options = {"reset_mask": terminations}
    observations, infos = envs.reset(options=options)
    assert "reset_mask" in options
    assert infos["_task"].tolist() == [True, False]
    assert infos["reward_valid"].tolist() == [True, True]
    assert "Titanic" in observations["output"][0]
    assert envs.step(["ls", "ls"])[0]["output"] == ("data\n", "data\nkept\n")


@pytest.mark.parametrize(
    "mask", [[True], np.array([1, 0]), np.array([False, False]), np.zeros((2, 2), bool)]
)
def test_a_reset_mask_that_can_t_be_is_refused(make: MakeVec, mask: Any) -> None:
    envs = make()
    envs.reset(seed=0)
    with pytest.raises(ValueError, match=r"boolean array of shape \(2,\)"):
        envs.reset(options={"reset_mask": mask})


def test_the_first_reset_is_for_all(make: MakeVec) -> None:
    with pytest.raises(ResetNeeded, match="all environments"):
        make().reset(options={"reset_mask": np.array([True, False])})


def test_seeds_are_counted_up_or_given_one_by_one(make: MakeVec) -> None:
    envs = make(variant="random")
    counted = envs.reset(seed=10)[1]["variant"].tolist()
    assert envs.reset(seed=[10, 11])[1]["variant"].tolist() == counted
    assert envs.reset(seed=[11, 10])[1]["variant"].tolist() == counted[::-1]
    assert envs.get_attr("np_random_seed") == (11, 10)
    with pytest.raises(ValueError, match="seed: expected 2 seeds, found 3"):
        envs.reset(seed=[1, 2, 3])


@pytest.mark.parametrize("mode", ["next_step", "same_step"])
def test_options_reach_every_environment_and_survive_its_autoreset(
    make: MakeVec, mode: str
) -> None:
    envs = make(max_steps=1, autoreset_mode=mode)
    assert envs.reset(seed=0, options={"variant": 4})[1]["variant"].tolist() == [4, 4]
    for _ in range(3):
        *_, infos = envs.step(("pwd", "pwd"))
        assert infos["variant"].tolist() == [4, 4]


@pytest.mark.parametrize("actions", ["ls", {"tool": "list_files"}, ["ls"], ["ls"] * 3])
def test_a_wrong_number_of_actions_is_refused(make: MakeVec, actions: Any) -> None:
    envs = make()
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="step requires 2 actions"):
        envs.step(actions)


def test_environments_run_at_the_same_time(make: MakeVec) -> None:
    envs = make(num_envs=6)
    envs.reset(seed=0)
    observations, *_ = envs.step(["date +%s.%N; sleep 1; date +%s.%N"] * 6)
    spans = sorted(tuple(map(float, each.split())) for each in observations["output"])
    assert any(begun < ended for (_, ended), (begun, _) in itertools.pairwise(spans))


def test_an_error_in_one_environment_arrives_when_all_have_finished(make: MakeVec) -> None:
    envs = make()
    envs.reset(seed=0)
    envs.envs[0].close()
    with pytest.raises(ResetNeeded):
        envs.step(["true", "sleep 0.3; touch finished"])
    envs.envs[0].reset(seed=0)
    assert envs.step(["true", "ls"])[0]["output"][1] == "data\nfinished\n"


def test_results_of_a_step_are_not_changed_by_the_next(make: MakeVec) -> None:
    envs = make()
    first, _ = envs.reset(seed=0)
    kept = plain(first)
    second = envs.step(["true", "true"])
    assert plain(first) == kept
    assert not np.shares_memory(first["steps_left"], second[0]["steps_left"])
    envs.step(["true", "true"])
    assert second[0]["steps_left"].tolist() == [49, 49]


def test_attributes_are_read_set_and_called(make: MakeVec) -> None:
    envs = make(render_mode="ansi")
    envs.reset(seed=0)
    envs.step(["echo one", "echo two"])
    assert [text.splitlines()[-1] for text in envs.render() or ()] == ["one", "two"]
    assert envs.call("get_wrapper_attr", "render_mode") == ("ansi", "ansi")
    envs.set_attr("mark", [1, 2])
    assert envs.get_attr("mark") == (1, 2)
    envs.set_attr("mark", "same")
    assert envs.get_attr("mark") == ("same", "same")
    with pytest.raises(ValueError, match="expected 2 values, found 3"):
        envs.set_attr("mark", [1, 2, 3])


@pytest.mark.slow("it starts a program and interrupts it")
def test_ctrl_c_ends_the_commands_that_run() -> None:
    program = f"""if True:
        import gymnasium, os, signal, threading, time, mle_gym
        envs = gymnasium.make_vec({ID!r}, num_envs=2)
        envs.reset(seed=0)
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        started = time.monotonic()
        try:
            envs.step(["sleep 600"] * 2)
        except KeyboardInterrupt:
            envs.close()
            print("closed", time.monotonic() - started < 100)
    """
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    assert (done.stdout, done.stderr) == ("closed True\n", "")


def own_threads() -> int:
    return sum(thread.name.startswith("mle-gym-env") for thread in threading.enumerate())


def test_closing_ends_threads_and_can_be_repeated(make: MakeVec) -> None:
    envs = make(num_envs=4)
    envs.reset(seed=0)
    assert own_threads() >= 4
    envs.close()
    assert own_threads() == 0
    envs.close()
    with pytest.raises(ClosedEnvironmentError):
        envs.step(["ls"] * 4)
    with pytest.raises(ClosedEnvironmentError):
        envs.reset()


def test_a_forgotten_vector_environment_ends_its_threads() -> None:
    envs = gymnasium.make_vec(ID, num_envs=3)
    assert own_threads() == 3
    del envs
    gc.collect()
    for _ in range(100):
        if own_threads() == 0:
            break
        time.sleep(0.02)
    assert own_threads() == 0


def test_episode_statistics_of_gymnasium_work(make: MakeVec) -> None:
    envs = RecordEpisodeStatistics(make(autoreset_mode="same_step", max_steps=2))
    envs.reset(seed=0)
    envs.step([SAMPLE, "true"])
    infos = envs.step(["true", "true"])[4]
    assert infos["episode"]["l"].tolist() == [2, 2]
    assert infos["episode"]["r"][0] > infos["episode"]["r"][1] == 0


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="num_envs must be at least 1"):
        gymnasium.make_vec(ID, num_envs=0)
    with pytest.raises(ValueError, match="did you mean 'same_step'"):
        gymnasium.make_vec(ID, autoreset_mode="some_step")
    with pytest.raises(ValueError, match="did you mean 'score'"):
        gymnasium.make_vec(ID, reward="skore")


def test_sync_takes_environments_of_ours_directly() -> None:
    envs = SyncVectorEnv([lambda: MLEEnv("titanic")] * 2)
    assert envs.reset(seed=0)[0] in envs.observation_space
    envs.close()


@pytest.mark.slow("it plays whole episodes")
def test_gymnasiums_step_limit_truncates_with_a_grade_in_every_mode() -> None:
    for mode in ("vector_entry_point", "sync"):
        envs = gymnasium.make_vec(
            "mle/zoo-v0", num_envs=2, max_episode_steps=2, vectorization_mode=mode
        )
        observations, _ = envs.reset(seed=0)
        assert observations["steps_left"].tolist() == [2, 2]
        envs.step(["cp data/sample_submission.csv submission.csv"] * 2)
        *_, truncations, infos = envs.step(["true"] * 2)
        envs.close()
        assert truncations.all()
        assert infos["grade"]["valid"].all()


def test_each_environment_may_have_options_of_its_own_and_keeps_them() -> None:
    envs = gymnasium.make_vec("mle/zoo-v0", num_envs=2, max_steps=1, autoreset_mode="same_step")
    _, infos = envs.reset(options=[{"variant": 5}, {"variant": 6, "train_rows": 20}])
    assert infos["variant"].tolist() == [5, 6]
    *_, infos = envs.step(["true"] * 2)
    assert infos["variant"].tolist() == [5, 6]
    assert "final_info" in infos
    envs.step(["wc -l < data/train.csv"] * 2)
    _, infos = envs.reset(options={})
    envs.close()
    assert infos["variant"].tolist() == [0, 0]


def test_a_failed_constructor_leaves_nothing_to_close(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match="max_steps"):
        gymnasium.make_vec("mle/zoo-v0", num_envs=2, max_steps=0)
    gc.collect()
    assert "AttributeError" not in capfd.readouterr().err


@pytest.mark.parametrize("mode", ["next_step", "same_step"])
def test_an_automatic_reset_that_fails_costs_only_its_own_environment(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    envs = gymnasium.make_vec("mle/zoo-v0", num_envs=2, max_steps=2, autoreset_mode=mode)
    envs.reset(seed=0)
    envs.step(["true"] * 2)
    with monkeypatch.context() as patch:
        patch.setattr(envs.envs[1], "reset", fail)
        *_, infos = envs.step(["true"] * 2)
        if mode == "next_step":
            observations, *_, truncations, infos = envs.step(["true"] * 2)
            assert truncations.tolist() == [False, True]
        assert infos["reward_valid"].tolist() == [True, False]
        assert infos["failure"]["kind"][1] == "dataset_unavailable"
    observations, _, terminations, truncations, infos = envs.step(["echo on"] * 2)
    envs.close()
    assert infos["reward_valid"].all()
    assert not (terminations | truncations).any()
    assert observations["output"][0] == "on\n"
    assert "Zoo" in observations["output"][1]


def fail(**_: object) -> None:
    raise DatasetError("no data")


def test_ctrl_c_ends_the_commands_and_no_episode() -> None:
    envs = gymnasium.make_vec("mle/zoo-v0", num_envs=2)
    envs.reset(seed=0)
    envs.step(["echo kept > file"] * 2)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        envs.step(["sleep 60", "true"])
    observations, *_ = envs.step(["cat file"] * 2)
    envs.close()
    assert observations["output"] == ("kept\n", "kept\n")


# ---- masks and groups


def test_a_list_of_options_goes_with_a_mask(make: MakeVec) -> None:
    envs = make(num_envs=3, max_steps=2)
    envs.reset(seed=0)
    each = [{"variant": 1}, {"variant": 2}, {"variant": 3}]
    _, infos = envs.reset(options=each, mask=np.array([False, True, True]))
    assert infos["_variant"].tolist() == [False, True, True]
    assert infos["variant"].tolist() == [0, 2, 3]


def test_what_a_step_mask_leaves_out_is_not_stepped(make: MakeVec) -> None:
    envs = make(num_envs=2, max_steps=3, autoreset_mode="disabled")
    envs.reset(seed=0)
    envs.step([SAMPLE, f"{SAMPLE} && submit"])
    observations, rewards, terminations, truncations, infos = envs.step(
        ["echo on", "echo off"], mask=np.array([True, False])
    )
    assert observations["output"][0] == "on\n"
    assert observations["steps_left"].tolist() == [1, 2]
    assert (rewards[1], terminations[1], truncations[1]) == (0.0, False, True)
    assert infos["reward_valid"].tolist() == [True, True]
    with pytest.raises(ValueError, match=r"environments \[1\] have to be reset"):
        envs.step(["true", "true"])


@pytest.mark.parametrize("mask", [np.array([True]), [0, 1], [False, False], "yes"])
def test_a_bad_step_mask_is_refused(make: MakeVec, mask: Any) -> None:
    envs = make(num_envs=2)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="mask must be a boolean array"):
        envs.step(["true", "true"], mask=mask)


def test_the_environments_of_a_group_begin_alike(make: MakeVec) -> None:
    envs = make(num_envs=4, variant="train", max_steps=2)
    observations, infos = envs.reset_group(7, 2)
    variants = infos["variant"].tolist()
    assert variants[0] == variants[1] != variants[2] == variants[3]
    assert observations["output"][2] == observations["output"][3]
    assert envs.reset_group(7, 2)[1]["variant"].tolist() == variants
    assert len(set(envs.reset_group()[1]["variant"].tolist())) == 1
    _, infos = envs.reset_group(0, 2, options=[{"variant": 3}, {"variant": 4}])
    assert infos["variant"].tolist() == [3, 3, 4, 4]
    with pytest.raises(ValueError, match="4 environments don't make groups of 3"):
        envs.reset_group(0, 3)


def test_a_group_begins_from_a_snapshot(make: MakeVec) -> None:
    envs = make(num_envs=2, max_steps=4)
    envs.reset(seed=0)
    envs.step(["echo kept > note", "true"])
    with envs.envs[0].unwrapped.snapshot() as snapshot:
        envs.reset_group(options={"snapshot": snapshot})
    assert envs.step(["cat note", "cat note"])[0]["output"] == ("kept\n", "kept\n")
