"""Episodes that continue from snapshots, on the real Titanic task."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from gymnasium.error import ResetNeeded

from mle_gym.env import MLEEnv
from mle_gym.episode.snapshot import Snapshot
from mle_gym.errors import SandboxEnded, SnapshotError
from mle_gym.sandbox import exchange
from mle_gym.sandbox.runner_client import RunnerSandbox
from mle_gym.sandbox.snapshots import listing
from mle_gym.wrappers import CommandMenu, fork

MakeEnv = Callable[..., MLEEnv]
SAMPLE = "cp $(dirname $PWD/x)/data/sample_submission.csv submission.csv"


def test_an_episode_goes_on_where_the_snapshot_was_taken(make: MakeEnv) -> None:
    env = make()
    env.reset(seed=0)
    env.step("mkdir work && cd work && export WORD=kept && echo 1 > f")
    last = env.step("echo seen; false")[0]
    snapshot = env.snapshot()
    env.step("rm -r ../work; unset WORD")

    for other in (make(), make(variant="random"), env):
        observation, info = other.reset(options={"snapshot": snapshot})
        assert (observation["output"], observation["exit_code"]) == ("seen\n", 1)
        assert observation["steps_left"] == last["steps_left"]
        assert observation["seconds_left"] <= last["seconds_left"]
        assert info == {"task": "titanic", "variant": 0, "reward_valid": True, "prefix_steps": 2}
        assert other.observation_space.contains(observation)
        observation = other.step("echo $WORD; cat f; pwd; ls ../data | wc -l")[0]
        assert observation["output"] == "kept\n1\n/workspace/work\n4\n"
        assert observation["steps_left"] == last["steps_left"] - 1


def test_the_budget_goes_on(make: MakeEnv) -> None:
    env = make(max_steps=3, time_limit=60)
    env.reset()
    env.step("sleep 1")
    with env.snapshot() as snapshot:
        assert 1 <= snapshot.seconds_used < 30
        observation, _ = env.reset(options={"snapshot": snapshot})
        assert observation["seconds_left"] <= 59
        env.step("true")
        assert env.step("true")[3]
        with pytest.raises(SnapshotError, match="max_steps=1"):
            make(max_steps=1).reset(options={"snapshot": snapshot})
        with pytest.raises(SnapshotError, match="time_limit=1"):
            make(time_limit=1).reset(options={"snapshot": snapshot})


def test_score_calls_go_on(make: MakeEnv) -> None:
    env = make(feedback="score", score_calls=2)
    env.reset()
    env.step(f"{SAMPLE}; score; validate")
    with env.snapshot() as snapshot:
        assert (snapshot.score_calls_used, snapshot.validate_calls_used) == (1, 1)
        for _ in range(2):
            env.reset(options={"snapshot": snapshot})
            assert "0 calls left" in env.step("score")[0]["output"]
            assert "no calls" in env.step("score")[0]["output"]


def test_milestones_are_paid_once(make: MakeEnv) -> None:
    env = make(reward="milestones")
    env.reset()
    alternate = "awk -F, 'NR > 1 {$2 = NR % 2} 1' OFS=, data/sample_submission.csv"
    assert env.step(f"{alternate} > submission.csv")[1] == pytest.approx(0.1)
    with env.snapshot() as snapshot:
        env.reset(options={"snapshot": snapshot})
        assert env.step("true")[1] == 0
        assert env.step("rm submission.csv")[1] == pytest.approx(-0.1)
        env.reset(options={"snapshot": snapshot})
        _, reward, terminated, _, info = env.step("submit")
        assert terminated
        assert not info["grade"]["beats_floor"]
        assert reward == pytest.approx(-0.1)


@pytest.mark.slow("processes import everything")
def test_it_pickles_and_serves_other_processes_in_parallel(make: MakeEnv, tmp_path: Path) -> None:
    env = make()
    env.reset()
    env.step("echo carried > f")
    snapshot = env.snapshot()
    env.close()
    (tmp_path / "snapshot").write_bytes(pickle.dumps(snapshot))
    program = (
        "import pickle, sys\nfrom pathlib import Path\nfrom mle_gym import MLEEnv\n"
        "snapshot = pickle.loads(Path(sys.argv[1]).read_bytes())\nenv = MLEEnv('titanic')\n"
        "env.reset(options={'snapshot': snapshot})\n"
        "print(env.step('cat f; echo x > f')[0]['output'])"
    )
    commands = [[sys.executable, "-c", program, str(tmp_path / "snapshot")]] * 3
    with ThreadPoolExecutor(3) as pool:
        run = lambda command: subprocess.run(command, capture_output=True, text=True)  # noqa: E731
        results = list(pool.map(run, commands))
    assert [result.stdout.strip() for result in results] == ["carried"] * 3, results[0].stderr
    assert not snapshot.lease().release()
    pickle.loads(pickle.dumps(snapshot)).delete()
    with pytest.raises(SnapshotError, match="deleted"):
        env.reset(options={"snapshot": snapshot})


def _continue(snapshot: Snapshot) -> str:
    env = MLEEnv("titanic")
    env.reset(options={"snapshot": snapshot})
    output = str(env.step("cat f")[0]["output"])
    env.close()
    return output


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.slow("workers import everything")
def test_it_goes_to_the_workers_of_multiprocessing(make: MakeEnv, method: str) -> None:
    env = make()
    env.reset()
    env.step("echo carried > f")
    with env.snapshot() as snapshot, multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_continue, [snapshot] * 3) == ["carried\n"] * 3


@pytest.mark.filterwarnings("ignore:sandbox='subprocess':UserWarning")
def test_it_continues_on_another_backend(make: MakeEnv) -> None:
    first, second = make(sandbox="bubblewrap"), make(sandbox="subprocess")
    first.reset()
    first.step("mkdir d; cd d; export A=1; echo one > f")
    second.reset(options={"snapshot": first.snapshot()})
    assert (
        second.step("cat f; echo $A; echo two >> f; ls ../data | wc -l")[0]["output"]
        == "one\n1\n4\n"
    )
    first.reset(options={"snapshot": second.snapshot()})
    assert first.step("pwd; cat f; echo $A")[0]["output"] == "/workspace/d\none\ntwo\n1\n"


def test_another_task_variant_or_value_is_refused(make: MakeEnv) -> None:
    env = make()
    env.reset(options={"variant": 3})
    snapshot = env.snapshot()
    with pytest.raises(SnapshotError, match=r"of mle/titanic-v0, not of mle/wine-v0"):
        make("wine").reset(options={"snapshot": snapshot})
    with pytest.raises(SnapshotError, match=r"variant=3, and the environment 0"):
        make().reset(options={"snapshot": snapshot})
    with pytest.raises(SnapshotError, match="train_rows"):
        make(variant=3, train_rows=100).reset(options={"snapshot": snapshot})
    with pytest.raises(ValueError, match=r"must come from snapshot\(\)"):
        make().reset(options={"snapshot": "s"})
    with pytest.raises(ValueError, match="did you mean 'snapshot'"):
        make().reset(options={"snapshots": snapshot})
    other = make(variant="random")
    assert other.reset(options={"snapshot": snapshot})[1]["variant"] == 3
    env.step("true")  # a refused snapshot doesn't end the episode


def test_a_refused_snapshot_leaves_the_running_episode_alone(make: MakeEnv) -> None:
    env, other = make(), make("wine")
    env.reset()
    other.reset()
    with pytest.raises(SnapshotError):
        env.reset(options={"snapshot": other.snapshot()})
    env.step("true")


def test_a_damaged_snapshot_is_an_error(make: MakeEnv) -> None:
    env = make()
    env.reset()
    env.step("echo 1 > f")
    snapshot = env.snapshot()
    (snapshot.folder / snapshot.name / "info.json").write_text("{}")
    with pytest.raises(SnapshotError, match="damaged"):
        make().reset(options={"snapshot": snapshot})


@pytest.mark.parametrize("ending", ["step", "malformed", "finish"])
def test_a_sandbox_that_is_brought_down_meanwhile_is_graded(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    env = make(sandbox="bubblewrap")
    env.reset()
    env.step(SAMPLE)
    with monkeypatch.context() as patch:
        patch.setattr(
            exchange, "_MAX_PAYLOAD", 9
        )  # so that the list of the agent's files is too large
        with pytest.raises(SandboxEnded, match="too large"):
            env.fork()
    with pytest.raises(SandboxEnded, match="too large"):
        env.snapshot()
    action: Any = {"tool": "nothing"} if ending == "malformed" else "echo on"
    _, _, terminated, truncated, info = env.finish() if ending == "finish" else env.step(action)
    assert (terminated, truncated, info["reward_valid"]) == (False, True, True)
    assert info["grade"]["valid"] is False


def test_the_clock_goes_on_after_a_refused_snapshot(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = make(time_limit=50)
    env.reset()
    env.step("touch file")
    ends: list[float | None] = []
    expire = RunnerSandbox.expire
    monkeypatch.setattr(
        RunnerSandbox, "expire", lambda self, end: (ends.append(end), expire(self, end))
    )
    monkeypatch.setattr(listing, "_MOST_FILES", 0)
    with pytest.raises(SnapshotError):
        env.snapshot()
    assert ends[0] is None
    assert ends[-1] is not None
    assert env.step("echo on")[0]["output"] == "on\n"


def test_only_a_running_episode_has_snapshots(make: MakeEnv) -> None:
    env = make()
    with pytest.raises(ResetNeeded):
        env.snapshot()
    with pytest.raises(ResetNeeded):
        fork(env)


def test_a_fork_is_a_running_copy(make: MakeEnv) -> None:
    env = make(render_mode="ansi")
    env.reset(seed=5)
    env.step("echo 1 > f; cd /tmp")
    twin = fork(env)
    with twin:
        assert twin.render() == env.render()
        assert twin.np_random.integers(1 << 30) == env.np_random.integers(1 << 30)
        assert twin.step("pwd; cat /workspace/f; echo 2 > /workspace/f")[0]["output"] == "/tmp\n1\n"
        assert env.step("cat /workspace/f; rm /workspace/f")[0]["output"] == "1\n"
        with fork(twin) as third:
            assert third.step("cat /workspace/f")[0]["output"] == "2\n"


def test_a_fork_of_a_wrapped_environment_copies_the_wrappers() -> None:
    env = gymnasium.wrappers.RecordEpisodeStatistics(
        CommandMenu(
            gymnasium.make("mle/titanic-v0"), ["touch f", "ls", "submit data/sample_submission.csv"]
        )
    )
    env.reset(options={"variant": 2})
    env.step(0)
    twin = fork(env)
    assert type(twin) is type(env)
    assert twin.unwrapped is not env.unwrapped
    assert "f" in twin.step(1)[0]["output"]
    info = twin.step(2)[4]
    assert info["episode"]["l"] == 3
    assert info["variant"] == 2
    assert env.step(1)[2] is False
    env.close()
    twin.close()
    with pytest.raises(TypeError, match="MLEEnv"):
        fork(gymnasium.make("CartPole-v1"))


def test_copies_of_an_environment_still_start_without_an_episode(make: MakeEnv) -> None:
    env = make()
    env.reset()
    with pytest.raises(ResetNeeded):
        copy.deepcopy(env).step("true")


@pytest.mark.slow("it plays whole episodes")
def test_a_tree_search_of_depth_three(make: MakeEnv) -> None:
    """Each leaf has the files of its own branch, and the best one wins."""
    env = make(reward="score")
    env.reset(seed=0)
    choices = {"a": "echo a >> way", "b": "echo b >> way; rm -f junk; mkdir -p d$RANDOM"}
    root = env.snapshot()
    level = {"": root}
    for _ in range(3):
        following = {}
        for (way, snapshot), (name, command) in product(level.items(), choices.items()):
            env.reset(options={"snapshot": snapshot})
            env.step(command)
            following[way + name] = env.snapshot()
        for snapshot in level.values():
            snapshot.delete()
        level = following
    assert len(level) == 8
    for way, snapshot in level.items():
        with snapshot:
            observation, _ = env.reset(options={"snapshot": snapshot})
            assert observation["steps_left"] == env.settings.max_steps - 3
            assert env.step("cat way")[0]["output"].split() == list(way)
    env.close()
    left = {level[way].name for way in level} & {path.name for path in root.folder.iterdir()}
    assert left == set()
