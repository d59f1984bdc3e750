"""Full, read-only and vanishing disks: a clear exception or grade, and no half-made dataset."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import gymnasium
import pytest

from mle_gym.datasets.dataset import DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.errors import DatasetError
from tests.sandbox.docker_daemon import require
from tests.task_folders import without_datasets

SUBMIT = "cp data/sample_submission.csv submission.csv; submit"


def with_cache_on(mount: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script whose cache is a separate disk, mounted so that only the script sees it."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    program = "from mle_gym.datasets.dataset import *\nfrom mle_gym.datasets.prepare import *\n"
    program += "import gymnasium, mle_gym, os\n"
    program += textwrap.dedent(script)
    whole = Path(os.environ["MLE_GYM_CACHE"])
    shared = f'ln -s "{whole / "tables"}" "$MLE_GYM_CACHE"'
    command = f'mount {mount} tmpfs "$MLE_GYM_CACHE" || exit 77; {shared} || exit 78; exec "$@"'
    folder = whole.with_name("small-disk")
    folder.mkdir(exist_ok=True)
    result = subprocess.run(
        ["unshare", "--mount", "bash", "-c", command, "bash", sys.executable, "-c", program],
        env=os.environ | {"MLE_GYM_CACHE": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if result.returncode == 77:
        require("mount", f"no disk can be mounted here: {result.stderr}")
    return result


@pytest.mark.slow("it prepares datasets on a disk of its own")
def test_a_disk_that_fills_up_while_preparing() -> None:
    result = with_cache_on(
        "-t tmpfs -o size=48k,mode=0700",
        """
        import mle_gym.errors
        for _ in range(2):
            try:
                prepare("titanic")
            except mle_gym.errors.DatasetError as error:
                print(error)
        print(sorted(p for _, _, files in os.walk(os.environ["MLE_GYM_CACHE"]) for p in files
                     if not p.endswith(".lock")))
        """,
    )
    first, second, left = result.stdout.splitlines()
    assert first == second
    assert "No space left on device" in first
    assert "set MLE_GYM_CACHE to a folder that can be written" in first
    assert left == "[]"


@pytest.mark.slow("it plays whole episodes on a cache of its own")
def test_a_read_only_cache_that_served_an_episode_serves_more(tmp_path: Path) -> None:
    result = with_cache_on(
        "-t tmpfs -o mode=0700",
        f"""
        env = gymnasium.make("mle/zoo-v0")
        env.reset()
        assert os.system("mount -o remount,ro $MLE_GYM_CACHE") == 0
        env.reset()
        print(env.step({SUBMIT!r})[4]["grade"]["valid"])
        env.close()
        try:
            prepare("wine")
        except Exception as error:
            print(type(error).__name__, error)
        """,
    )
    valid, refused = result.stdout.splitlines()
    assert valid == "True"
    assert refused.startswith("DatasetError")
    assert "Read-only file system" in refused


@pytest.mark.parametrize("last", ["submit", "echo no submission"])
@pytest.mark.slow("it plays whole episodes on a cache of its own")
def test_a_dataset_that_is_deleted_during_an_episode_gives_no_score(
    own_cache: Path, cache_folder: Path, last: str
) -> None:
    env = gymnasium.make("mle/zoo-v0", max_steps=2)
    env.reset()
    observation, *_ = env.step("cp data/sample_submission.csv submission.csv; validate")
    assert "is a valid submission" in observation["output"]
    shutil.rmtree(own_cache)
    _, reward, terminated, truncated, info = env.step(last)
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert not info["reward_valid"]
    assert (info["failure"]["kind"], info["failure"]["stage"]) == ("dataset_gone", "grade")
    assert "prepare this dataset again" in info["failure"]["message"]
    assert "grade" not in info
    without_datasets(own_cache, cache_folder)
    env.reset()
    assert env.step(SUBMIT)[4]["grade"]["valid"]
    env.close()


@pytest.mark.slow("it plays an episode for each kind of damage")
@pytest.mark.usefixtures("own_cache")
def test_answers_that_are_damaged_never_become_a_score() -> None:
    dataset = prepare("zoo", DatasetOptions(variant=3))
    answers = dataset.private / "answers.csv"
    answers.write_bytes(b"\n".join(answers.read_bytes().split(b"\n")[:-5]))
    env = gymnasium.make("mle/zoo-v0", variant=3)
    env.reset()  # finds the damage and prepares it again
    assert env.step(SUBMIT)[4]["grade"]["rows"] > 5
    env.close()


def test_a_full_disk_inside_is_the_agents_to_handle() -> None:
    env = gymnasium.make("mle/zoo-v0", limits={"disk_mb": 16}, reward="milestones")
    env.reset()
    observation, *_ = env.step("head -c 64M /dev/zero > filler")
    assert "No space left on device" in observation["output"]
    observation, *_ = env.step({"tool": "write_file", "path": "big", "content": "x" * 10**6})
    assert "No space left on device" in observation["output"]
    observation, _, terminated, _, info = env.step("rm filler; " + SUBMIT)
    env.close()
    assert terminated
    assert info["grade"]["valid"]


def test_a_cache_that_is_not_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLE_GYM_CACHE", str(tmp_path / "cache"))
        with pytest.raises(DatasetError, match=r"cache.*MLE_GYM_CACHE"):
            prepare("zoo")
