"""An agent that brings its own sandbox down has failed, and that is no excuse."""

from __future__ import annotations

import os
import signal
import uuid

import gymnasium as gym
import pytest

from mle_gym.errors import SandboxEnded
from mle_gym.sandbox import Limits, SandboxConfig
from tests.sandbox.conftest import eventually, parent_of, processes_with, sleepers, start
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

NETLINK = """
import socket, struct, sys, time
kept = []
def fill():
    kept.append(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
    kept[-1].setblocking(False)
    try:
        for number in range(120):  # each is answered with what is known of the first interface
            kept[-1].send(struct.pack("=IHHIIBBHiII", 32, 18, 1, number, 0, 0, 0, 0, 1, 0, 0))
    except OSError:
        pass
for _ in range(3000):
    fill()
print("done", flush=True)
time.sleep(1000)
"""

CONNECTIONS = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
kept, sent = [], 0
for _ in range(300):
    kept += [socket.create_connection(listener.getsockname()), listener.accept()[0]]
    kept[-2].setblocking(False)
    try:
        while True:
            sent += kept[-2].send(bytes(1 << 16))
    except BlockingIOError:
        pass
print(sent)
"""

LEFT = """python3 -I -S - {marker} <<'END' >/dev/null 2>&1 &
import os, time
open("waits", "w").close()
while not os.path.exists("go"):
    time.sleep(0.01)
taken = b"1" * ({megabytes} << 20)
time.sleep(1000)
END
until [ -e waits ]; do sleep 0.01; done
"""


@pytest.fixture
def limited(isolating_backend: str) -> str:
    """A backend in which the kernel limits memory; an ordinary user's bubblewrap may not."""
    if isolating_backend == "bubblewrap" and os.geteuid() != 0:
        pytest.skip("takes control groups")
    return isolating_backend


@pytest.mark.parametrize("reward", ["score", "milestones"])
@pytest.mark.slow("memory fills up")
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


def test_what_waits_in_netlink_sockets_counts(isolating_backend: str) -> None:
    """No process maps it, and no control group counts it."""
    with start(isolating_backend, SandboxConfig(limits=LIMITS)) as sandbox:
        sandbox.write_file("netlink.py", NETLINK.encode())
        execution = sandbox.execute("python3 -I -S netlink.py", timeout=60)
        assert execution.killed_by == "memory"
        assert b"done" not in execution.output
        assert sandbox.execute("echo alive", timeout=20).output.endswith(b"alive\n")


def test_what_waits_in_connections_is_bounded(limited: str) -> None:
    """The machine has few bytes for all of them together; 300 can hold more than a gigabyte."""
    with start(limited, SandboxConfig(limits=LIMITS)) as sandbox:
        sandbox.write_file("connections.py", CONNECTIONS.encode())
        output = sandbox.execute("python3 -I -S connections.py", timeout=60).output
        assert 1 << 20 < int(output) < 256 << 20


def test_what_a_command_leaves_is_watched_before_the_next(isolating_backend: str) -> None:
    with start(isolating_backend, SandboxConfig(limits=LIMITS, warm=False)) as sandbox:
        marker = f"161803{uuid.uuid4().int % 10**9}"
        # More than the limit, and less than what makes the kernel kill: limit, disks and our own.
        left = LEFT.format(marker=marker, megabytes=150)
        assert sandbox.execute(left, timeout=60).exit_code == 0
        assert processes_with(marker)
        sandbox.write_file("go", b"")
        assert eventually(lambda: not processes_with(marker))
        execution = sandbox.execute("echo alive", timeout=20)
        assert execution.output == (
            b"[killed: what earlier commands left used more than 128 MB of memory]\nalive\n"
        )
