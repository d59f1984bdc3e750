"""An agent that brings its own sandbox down has failed; it is not an excuse."""

from __future__ import annotations

import os
import signal
import uuid

import gymnasium as gym
import pytest

from mle_gym.errors import SandboxEnded
from mle_gym.sandbox import Limits, SandboxConfig
from tests.sandbox.conftest import eventually, parent_of, sleepers, start
from tests.security.arena import weakened
from tests.security.bait import TASK

LIMITS = Limits(memory_mb=128, disk_mb=16)
SMALL = {"memory_mb": 128, "disk_mb": 16}

TAKE_ALL = """python3 -I -S - <<'END'
import os
# In files that have no name, held by programs so small that the kernel finds none worth ending.
for _ in range(10):
    if os.fork() == 0:
        open("/proc/self/oom_score_adj", "w").write("0")
        for _ in range(40):
            os.write(os.memfd_create("x", 0), bytes(1 << 20))
        os.execvp("sleep", ["sleep", "1000"])
END
sleep 5
"""

HIDE = r"""python3 -I -S - <<'END'
import ctypes
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
found = 0
for _ in range(40):
    segment = libc.shmget(0, 1 << 20, 0o600)
    if segment >= 0:
        address = libc.shmat(segment, None, 0)
        ctypes.memset(address, 1, 1 << 20)
        found += 1
print(found)
END
"""


@pytest.fixture
def limited(isolating_backend: str) -> str:
    """A backend in which the kernel limits memory; an ordinary user's bubblewrap may not."""
    if isolating_backend == "bubblewrap" and os.geteuid() != 0:
        pytest.skip("takes control groups")
    return isolating_backend


@pytest.mark.parametrize("reward", ["score", "milestones"])
def test_an_agent_that_takes_all_memory_ends_its_episode_without_a_submission(
    limited: str, reward: str
) -> None:
    env = gym.make(f"mle/{TASK}-v0", sandbox=limited, limits=SMALL, reward=reward)
    env.reset()
    env.step("cp data/sample_submission.csv submission.csv")
    for _ in range(20):  # the kernel may choose other processes first
        observation, _, terminated, truncated, info = env.step(TAKE_ALL)
        if truncated:
            break
    env.close()
    assert (terminated, truncated) == (False, True)
    assert info["reward_valid"]
    assert info["grade"]["valid"] is False
    assert info["grade"]["normalized"] == 0
    assert "ran out of memory" in observation["output"]


def test_a_sandbox_that_the_host_kills_is_nobodys_fault(limited: str) -> None:
    env = gym.make(f"mle/{TASK}-v0", sandbox=limited, limits=SMALL)
    env.reset()
    marker = f"271828{uuid.uuid4().int % 10**9}"
    env.step(f"sleep {marker} &")
    assert eventually(lambda: len(sleepers(marker)) == 1)
    (sleeper,) = sleepers(marker)
    os.kill(parent_of(sleeper), signal.SIGKILL)  # an orphan's parent is its sandbox's first process
    _, reward, terminated, truncated, info = env.step("true")
    env.close()
    assert (reward, terminated, truncated) == (0, False, True)
    assert "grade" not in info
    assert "died" in info["failure"]["message"]


def test_memory_of_no_process_cannot_be_had(isolating_backend: str) -> None:
    with start(isolating_backend, SandboxConfig(limits=LIMITS)) as sandbox:
        assert sandbox.execute(HIDE, timeout=30).output == b"0\n"


def test_it_could_be_had_without_the_filter() -> None:
    with (
        weakened("without filter"),
        start("bubblewrap", SandboxConfig(limits=LIMITS, warm=False)) as sandbox,
    ):
        assert sandbox.execute(HIDE, timeout=30).output == b"40\n"


def test_the_error_says_what_happened(limited: str) -> None:
    with start(limited, SandboxConfig(limits=LIMITS)) as sandbox:

        def exhaust() -> None:
            for _ in range(3):
                sandbox.execute(TAKE_ALL, timeout=20)

        with pytest.raises(SandboxEnded, match="out of memory"):
            exhaust()
