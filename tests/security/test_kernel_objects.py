"""What the kernel counts by user or for the machine: no sandbox takes another's share."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mle_gym.sandbox import SandboxConfig
from mle_gym.sandbox.standalone.runner.shim_socket import WarmPython
from tests.sandbox.conftest import start
from tests.security.attack import CALLS, python
from tests.security.suites import both_ways

ONE_FILTER = """
        import struct
        rule = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000))
        program = struct.pack("HxxxxxxQ", 1, ctypes.addressof(rule))
        """

# The kernel compiles these into memory of which the machine has a number of bytes for all users
# (net.core.bpf_jit_limit). With 13,000 large ones by one sandbox, no other sandbox started.
test_no_filter_is_compiled, test_one_would_be = both_ways(
    [
        *(
            python(f"a filter of packets ({number})", f"""{ONE_FILTER}
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        end.bind(("127.0.0.1", 0))
        end.setsockopt(socket.SOL_SOCKET, {number}, program)
        pwned()
        """, "without filter")
            for number in (26, 51)
        ),
        python("a filter of calls", f"""{ONE_FILTER}
        pwned(call({CALLS.get("seccomp", -1)}, 1, 0, program) == 0)
        """, "without filter"),
        python("a filter of calls, the older way", f"""{ONE_FILTER}
        pwned(libc.prctl(22, 2, program, 0, 0) == 0)
        """, "without filter"),
    ]
)  # fmt: skip

TAKE_ALL = r"""
import ctypes, os, resource, signal, sys
kind, libc, kept = sys.argv[1], ctypes.CDLL(None, use_errno=True), []

def take():
    if kind == "inotify":
        if libc.inotify_init() < 0:
            raise OSError
    elif kind == "terminals":
        kept.append(os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY))
    elif kind == "files":
        os.dup(0)
    else:
        union = ctypes.c_void_p()
        if libc.sigqueue(os.getpid(), signal.SIGRTMIN, union):
            raise OSError

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
count = 0
try:
    while count < 20_000:
        take()
        count += 1
except OSError:
    pass
os.write(1, b"%d\n" % count)
if len(sys.argv) > 2:
    signal.pause()
"""


@pytest.mark.parametrize(
    ("kind", "most"),
    [("inotify", 128), ("terminals", 64), ("files", 4096), ("signals", 4097)],
)
@pytest.mark.parametrize("python", ["python3 -I -S", "python"])
def test_a_sandbox_has_so_many_and_another_one_as_many(
    isolating_backend: str, kind: str, most: int, python: str
) -> None:
    counts = []
    with (
        start(isolating_backend, SandboxConfig()) as first,
        start(isolating_backend, SandboxConfig()) as other,
    ):
        for sandbox, kept in (
            (first, " kept >out & until [ -s out ]; do :; done; cat out"),
            (other, ""),
        ):
            sandbox.write_file("take.py", TAKE_ALL.encode())
            output = sandbox.execute(f"{python} take.py {kind}{kept}", timeout=60).output
            counts.append(int(output))
    # One signal of the sandbox's own, the end of a child, may be waiting beside the others.
    assert abs(counts[0] - counts[1]) <= (kind == "signals")
    assert 16 <= counts[0] <= most


HOST = """
import psutil
from mle_gym.sandbox import SandboxConfig, get_backend
with get_backend("bubblewrap").create(SandboxConfig(warm=False)) as sandbox:
    print(*{p.uids().real for p in psutil.Process().children(recursive=True)} - {0}, flush=True)
    input()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="an ordinary user has no other users")
def test_sandboxes_of_two_hosts_belong_to_different_users() -> None:
    """What the kernel counts by user, it counts for all processes of the machine together."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    hosts = [subprocess.Popen([sys.executable, "-c", HOST], **pipes) for _ in range(2)]
    users = [host.communicate("\n")[0].split() for host in hosts]
    assert [len(found) for found in users] == [1, 1]
    assert users[0] != users[1]


def test_a_terminal_can_still_be_had() -> None:
    with start("bubblewrap", SandboxConfig()) as sandbox:
        command = "python3 -c 'import pty; pty.spawn([\"tty\"])' </dev/null"
        assert sandbox.execute(command, timeout=60).output.strip() == b"/dev/pts/0"


def test_a_containers_processes_have_bounds_too(docker_host: str) -> None:
    with start("docker", SandboxConfig(warm=False)) as sandbox:
        output = sandbox.execute("ulimit -Hn; ulimit -Hi", timeout=20).output
        assert output == b"4096\n4096\n"


SEND_ALL = r"""
import array, signal, socket, sys
kept, count = [], 0
rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 253))]
try:
    while count < 100_000:
        kept.append(socket.socketpair())
        kept[-1][0].setblocking(False)
        try:
            while True:
                kept[-1][0].sendmsg([b"."], rights)
                count += 253
        except BlockingIOError:
            pass
except OSError as error:
    print(error.errno, count, flush=True)
signal.pause()
"""


def test_descriptors_on_the_way_of_one_sandbox_keep_no_other_from_starting(
    isolating_backend: str,
) -> None:
    """The kernel counts them by user, and lets no more be sent by whose own limit is below that."""
    with start(isolating_backend, SandboxConfig()) as first:
        first.write_file("send.py", SEND_ALL.encode())
        script = "python3 -I -S send.py >out & until [ -s out ]; do :; done; cat out"
        number, count = map(int, first.execute(script, timeout=60).output.split())
        # Where they are checked the soft limit of open files counts, which is lower with Docker.
        times = 1 if isolating_backend == "bubblewrap" else 0
        assert (number, count // 4096) == (errno.ETOOMANYREFS, times)
        with start(isolating_backend, SandboxConfig()) as other:
            done = other.execute("python -c 'print(1)'; ulimit -Hn", timeout=60)
            assert done.output == b"1\n4096\n"


PIPES = """
import fcntl, os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (4000, 4000))
pipes = [os.pipe() for _ in range(1800)]
print({fcntl.fcntl(pipe[1], fcntl.F_GETPIPE_SZ) for pipe in pipes[-1:]}, flush=True)
"""


def test_pipes_of_one_container_are_not_those_of_another(docker_host: str) -> None:
    """A user has 16,384 pages for them; beyond those a new pipe holds two."""
    with (
        start("docker", SandboxConfig(warm=False)) as first,
        start("docker", SandboxConfig(warm=False)) as other,
    ):
        keep = PIPES + "import signal; signal.pause()"
        first.write_file("pipes.py", keep.encode())
        script = "python3 -I -S pipes.py >out & until [ -s out ]; do :; done; cat out"
        assert first.execute(script, timeout=60).output == b"{8192}\n"
        size = "python3 -c 'import fcntl, os; print(fcntl.fcntl(os.pipe()[1], 1032))'"
        assert other.execute(size, timeout=60).output == b"65536\n"


def test_a_runner_that_can_t_send_goes_on_without_warm_python(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        warm = WarmPython(os.dup(theirs.fileno()))
        ours.close()
        warm.offer(str(tmp_path / "python"))
        warm._line.close()
    with socket.socket(socket.AF_UNIX) as shim, pytest.raises(ConnectionRefusedError):
        shim.connect(str(tmp_path / "python"))
