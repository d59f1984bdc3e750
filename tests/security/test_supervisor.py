"""Killing, stopping, starving or confusing the processes that supervise a sandbox."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from mle_gym.errors import SandboxCrashed
from mle_gym.sandbox import Limits, Sandbox, SandboxConfig
from tests.sandbox.conftest import start, working_backend
from tests.security.frames import HOSTILE_FRAMES, sandbox_that_says

RUN = "/run/mle-gym"
LIMITS = Limits(memory_mb=512, processes=120, disk_mb=64)

HOSTILE_CALLS = r"""
import socket, threading
def call(data):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        try:
            connection.connect("/run/mle-gym/control")
            connection.sendall(data)
            connection.recv(1000)
        except OSError:
            pass
for data in (b"[" * 30000, b'{"tool": "submit", "path": "\\ud800"}', b"null", b"\xff",
             b'{"tool": "submit", "path": "\\u0000"}', b'{"tool": ["submit"], "path": 1}'):
    call(data + b"\n")
silent = []
for _ in range(200):
    connection = socket.socket(socket.AF_UNIX)
    connection.setblocking(False)
    try:
        connection.connect("/run/mle-gym/control")
        connection.send(b"x")
    except OSError:
        pass
    silent.append(connection)
"""

ODD_SIGNALS = r"""
import fcntl, os, signal, struct, time
reader, writer = os.pipe()
for target in (1, -1, 0):
    for number in (signal.SIGCHLD, signal.SIGKILL, signal.SIGSTOP, signal.SIGALRM, 34, 64):
        try:  # what the kernel itself sends, in our name
            fcntl.fcntl(reader, fcntl.F_SETOWN, target)
            fcntl.fcntl(reader, 10, number)
            fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
            os.write(writer, b"x")
        except OSError:
            pass
        try:
            os.pidfd_open(1) and signal.pidfd_send_signal(os.pidfd_open(1), number)
        except OSError:
            pass
end = time.monotonic() + 0.3
while time.monotonic() < end:
    os.kill(1, signal.SIGCHLD)
"""

DISTURBANCES = {
    "signals to the first process": "for s in $(seq 1 31); do kill -$s 1; done; kill -64 1",
    "signals by other ways": f"python3 -I -S - <<'END'\n{ODD_SIGNALS}\nEND",
    "SIGKILL to all": "kill -9 -1",
    "SIGSTOP to all": "kill -STOP 1; kill -STOP -1",
    "signals to the runner by group": "kill -9 0",
    "removed files": f"rm -rf {RUN}/*; export LOST=1; cd /tmp",
    "folders in place of files": f"trap - EXIT; rm -rf {RUN}/*; "
    f"mkdir -p {RUN}/state {RUN}/environment {RUN}/command; yes | head -c 90000",
    # Opening a FIFO blocks until the other end is opened.
    "a FIFO for the shell's state": f"trap - EXIT; rm -f {RUN}/state; mkfifo {RUN}/state; "
    f"(setsid sleep 60 <>{RUN}/state >/dev/null 2>&1 &)",
    "a FIFO for the environment": f"rm -f {RUN}/environment; mkfifo {RUN}/environment; export A=2",
    "FIFOs for long output": f"mkdir -p {RUN}/output; "
    f"for i in $(seq 60); do mkfifo {RUN}/output/$i.txt; done; yes | head -c 90000",
    "a FIFO for long commands": f"mkfifo {RUN}/command; true " + "x" * 150_000,
    "a full disk of its own": f"head -c 99M /dev/zero >{RUN}/full; export A=1; yes | head -c 90000",
    "odd calls": f"python3 -I -S - <<'END'\n{HOSTILE_CALLS}\nEND",
    "closed standard streams": "exec 0<&- 1>&- 2>&-; sleep 0.1",
    "a broken exit": "trap 'kill -9 $$' EXIT; exit",
    "endless output": "yes; true",
    "endless output without lines": "cat /dev/zero",
    "output of many": "for i in $(seq 40); do yes $i & done; wait",
    "output after the end": "(setsid yes & ) ; sleep 0.2",
    "busy processes": "for i in $(seq 100); do (while :; do :; done) >/dev/null 2>&1 & done",
    "a fork bomb": "bomb() { bomb | bomb & }; bomb",
    "a fork bomb that hides": "bomb() { setsid bash -c \"$(declare -f bomb); bomb\" & }; "
    "for i in 1 2 3; do bomb; done; while :; do (setsid sleep 60 &); done",
    "all descriptors": "python3 -I -S -c 'import os\nwhile True: os.open(\"/dev/null\", 0)'",
    "all pipes": "python3 -I -S -c 'import os\nwhile True:\n r, w = os.pipe()\n "
    "os.set_blocking(w, False)\n os.write(w, bytes(65536))'",
    "a full /tmp": "head -c 1G /dev/zero >/tmp/full",
    "a full workspace": "head -c 1G /dev/zero >full",
    "full shared memory": "head -c 1G /dev/zero >/dev/shm/full",
    "hardly any room for output": "cat /dev/zero > /run/mle-gym/full; truncate -s -30K "
    "/run/mle-gym/full; for i in $(seq 200); do printf '%0500d\\n' 0; sleep 0.001; done",
    "many files": "mkdir -p many; cd many; seq 1 60000 | xargs touch",
    "deep folders": "for i in $(seq 2000); do mkdir d && cd d || break; done",
    "odd names": "touch \"$(printf 'a\\nb\\377\\033[2J')\" -- -rf; mkdir -p $'\\n'",
}  # fmt: skip


class Ring:
    """A sandbox for many disturbances, which is replaced if one of them ended it."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.sandbox = self._start()

    def fresh(self) -> Sandbox:
        if self.sandbox._exchange.closed:  # type: ignore[attr-defined]
            self.sandbox = self._start()
        return self.sandbox

    def _start(self) -> Sandbox:
        return start(self.backend, SandboxConfig(limits=LIMITS))


@pytest.fixture(scope="module", params=["bubblewrap", "docker"])
def ring(request: pytest.FixtureRequest) -> Iterator[Ring]:
    ring = Ring(working_backend(request))
    yield ring
    ring.sandbox.close()


@pytest.mark.parametrize("disturbance", DISTURBANCES.values(), ids=list(DISTURBANCES))
def test_the_episode_goes_on(ring: Ring, disturbance: str) -> None:
    sandbox = ring.fresh()
    sandbox.execute(disturbance, timeout=0.7)
    works_still(sandbox)


def works_still(sandbox: Sandbox) -> None:
    """Everything that an episode requires until its grade, with a disturbance in the background."""
    for _ in range(20):
        if sandbox.execute("kill -9 -1", timeout=3).exit_code == 0:
            break
    clean = "shopt -s dotglob; rm -rf /tmp/* /workspace/* /dev/shm/* /run/mle-gym/full"
    sandbox.execute(f"{clean}; cd /workspace; : {'a' * 150_000}", timeout=20)
    execution = sandbox.execute("echo alive; yes | head -c 50000 | wc -c", timeout=20)
    assert execution.output.endswith(b"alive\n50000\n")
    assert sandbox.write_file("s.csv", b"1,2\n").exit_code == 0
    assert sandbox.fetch("s.csv", max_bytes=100) == b"1,2\n"


FLOOD = """python3 -I -S - <<'END' &
import os, time
while True:
    try:
        os.fork()
    except OSError:
        open("full", "w").close()
        time.sleep(0.001)
END
until [ -e full ]; do :; done
"""


def test_leftovers_that_take_every_process_make_room_for_a_command(ring: Ring) -> None:
    with start(ring.backend, SandboxConfig(limits=LIMITS)) as sandbox:
        assert sandbox.execute(FLOOD, timeout=20).exit_code == 0
        time.sleep(0.5)  # the place of the shell that ended is theirs as well
        execution = sandbox.execute("echo alive | cat", timeout=20)
        assert execution.output == (
            b"[killed: what earlier commands left took all 120 processes]\nalive\n"
        )
        assert sandbox.execute("echo alive | cat", timeout=20).output == b"alive\n"


def test_busy_processes_do_not_delay_a_submission(ring: Ring) -> None:
    """They get no more of the processor than the limit, and the runner comes first."""
    with start(ring.backend, SandboxConfig(limits=LIMITS)) as sandbox:
        sandbox.execute(
            "echo 1,2 > s.csv; mkdir many; cd many; seq 30000 | xargs touch", timeout=60
        )
        spin = "for i in $(seq 40); do (while :; do :; done) >/dev/null 2>&1 & done"
        for _ in range(2):
            sandbox.execute(spin, timeout=20)
        assert sandbox.fetch("s.csv", max_bytes=100) == b"1,2\n"
        listed = sandbox.list_files("many").output
        assert listed.endswith(b"[there are more entries than these 10000]\n")


def test_the_first_process_comes_first_and_nothing_inherits_that(ring: Ring) -> None:
    if os.geteuid() != 0:
        pytest.skip("takes root")
    command = (
        "ps -o ni= 1; nice; python -c 'import os; print(os.nice(0))'; nice -n -1 true; ulimit -e"
    )
    with start(ring.backend, SandboxConfig(limits=LIMITS)) as sandbox:
        first, *others = sandbox.execute(command, timeout=60).output.decode().split("\n")
    assert first.strip() == "-20"
    assert others == ["0", "0", "nice: cannot set niceness: Permission denied", "0", ""]


FORGE = """
ln -sfn /proc/self/fd/{fd} {run}/environment
mkdir -p {run}/output
for each in 1 2 3 4 5; do ln -sfn /proc/self/fd/{fd} {run}/output/$each.txt; done
trap - EXIT
python3 -I -S -c 'import json, struct, sys
frame = json.dumps(dict(op="done", exit_code=77)).encode()
forged = struct.pack(">II", len(frame), 6) + frame + b"FORGED"
open("{run}/state", "wb").write(b"/tmp\\0" + forged.replace(b"\\0", b"\\1") + b"\\0")
sys.stdout.buffer.write(forged * 1000)'
"""


@pytest.mark.parametrize("descriptor", [3, 4, 5])
def test_the_runner_cannot_be_made_to_write_into_its_own_stream(
    ring: Ring, descriptor: int
) -> None:
    """With Docker that stream is a pipe, which can be opened again through /proc."""
    with start(ring.backend, SandboxConfig(limits=LIMITS)) as sandbox:
        sandbox.execute(FORGE.format(fd=descriptor, run=RUN), timeout=10)
        for content in (b"x", b"\0\0\0\2\0\0\0\0{}" * 100):
            written = sandbox.write_file(f"/proc/self/fd/{descriptor}", content)
            assert written.exit_code == 1
        execution = sandbox.execute("echo alive", timeout=10)
        assert execution.exit_code == 0
        assert execution.output == b"alive\n"


def test_the_runner_does_not_change_itself_for_the_agent(ring: Ring) -> None:
    for name in ("oom_score_adj", "comm", "mem", "clear_refs", "coredump_filter"):
        assert ring.fresh().write_file(f"/proc/self/{name}", b"1000").exit_code == 1


def test_what_an_intruder_sends_is_never_taken_for_an_answer() -> None:
    """If another process spoke in the runner's place, the host would notice."""
    for frame in HOSTILE_FRAMES:
        sandbox = sandbox_that_says(frame)
        with pytest.raises(SandboxCrashed):
            sandbox.execute("true", timeout=0.1)
