"""Reading answers, the grader's code, the host's files, processes and memory, other episodes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from tests.security.arena import Arena
from tests.security.attack import MARKER, python, shell
from tests.security.bait import Bait
from tests.security.suites import both_ways

ATTACKS = [
    # Files by their names, and on other ways.
    shell("answers by path", 'grep -q Usage "$ANSWERS" && pwned'),
    shell("a file by path", 'cat "$SECRET" | seen'),
    shell("a file by dots", 'cat "../../../../../../../../../..$SECRET" | seen'),
    shell("a file through the data folder", 'cat "data/../../../../../../../..$SECRET" | seen'),
    shell("a symbolic link", 'ln -sf "$SECRET" link; cat link | seen'),
    shell("a link to the root", 'ln -sfn / root; cat "root$SECRET" | seen'),
    shell("a hard link", 'ln -f "$SECRET" hard && cat hard | seen; rm -f hard'),
    shell("the cache of datasets", 'find "$CACHE" -name answers.csv | grep -q . && pwned'),
    shell("the home folder", 'cat "$HOME_FILE" | seen'),
    shell("the password file", "head -c1 /etc/shadow && pwned", root=True),
    shell("the grader's code", 'head -c1 "$PACKAGE/grading/open_grader.py" && pwned'),
    shell("importing the grader", "cd /; python -c 'import mle_gym.grading.open_grader' && pwned"),
    shell("the task's solution", 'head -c1 "$SOLUTION" && pwned'),
    shell("the task's key", 'head -c1 "$KEY" && pwned'),
    shell("the task's split", 'head -c1 "$SPLIT" && pwned'),
    shell("the secret of variants", "env | seen", "bare"),
    shell(
        "raw data in scikit-learn", 'find "$RAW" "$RAW_SHOWN" -type f -size +0 | grep -q . && pwned'
    ),
    shell(
        "devices",
        "for each in /dev/kmsg /dev/mem /dev/loop0 /dev/[svx]d? /dev/nvme0 /dev/fuse; do "
        "(exec 3<$each) 2>/dev/null && pwned; done",
        root=True,
    ),
    shell("core dumps", "ulimit -c unlimited && pwned", "bare"),
    # Other processes, by everything that /proc shows of them.
    python("/proc/*/root", "for p in glob.glob('/proc/[0-9]*/root'): seen(read(p + V['SECRET']))"),
    python("/proc/*/cwd", "for p in glob.glob('/proc/[0-9]*/cwd/secret.csv'): seen(read(p))"),
    python("/proc/*/environ", "for p in glob.glob('/proc/[0-9]*/environ'): seen(read(p))"),
    python("/proc/*/cmdline", "for p in glob.glob('/proc/[0-9]*/cmdline'): seen(read(p))"),
    python(
        "/proc/*/maps", "for p in glob.glob('/proc/[0-9]*/maps'): pwned(b'secret.csv' in read(p))"
    ),
    python(
        "/proc/*/fd",
        """
        for p in glob.glob("/proc/[0-9]*/fd/*"):
            try:
                if os.readlink(p).endswith("secret.csv"):
                    seen(read(p))
            except OSError:
                pass
        """,
    ),
    python(
        "/proc/*/mem",
        """
        for p in glob.glob("/proc/[0-9]*"):
            for line in read(p + "/maps").splitlines():
                if line.endswith(b"secret.csv"):
                    with open(p + "/mem", "rb", 0) as memory:
                        memory.seek(int(line.split(b"-")[0], 16))
                        seen(memory.read(4096))
        """,
    ),
    python(
        "process_vm_readv",
        """
        class Vector(ctypes.Structure):
            _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
        for p in glob.glob("/proc/[0-9]*"):
            for line in read(p + "/maps").splitlines():
                if line.endswith(b"secret.csv"):
                    buffer = ctypes.create_string_buffer(80)
                    ours = Vector(ctypes.addressof(buffer), 80)
                    theirs = Vector(int(line.split(b"-")[0], 16), 80)
                    pid = int(p.rpartition("/")[2])
                    libc.process_vm_readv(pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)
                    seen(buffer.raw)
        """,
    ),
    python("ptrace", "pwned(libc.ptrace(0x4206, int(V['VICTIM']), 0, 0) == 0)", root=True),
    python(
        "a descriptor of another process",
        """
        for fd in range(3, 9):
            their = os.pidfd_open(int(V["VICTIM"]))
            copy = libc.syscall(438, their, fd, 0)
            if copy >= 0:
                seen(os.pread(copy, 4096, 0))
        """,
    ),
    # The runner, and what is behind it.
    shell("the runner's descriptors", 'ls "/proc/$RUNNER/fd" | grep -q . && pwned', root=True),
    python("the runner's memory", "open(f'/proc/{V[\"RUNNER\"]}/mem', 'rb'); pwned()", root=True),
    python(
        "tracing the runner", "pwned(libc.ptrace(0x4206, int(V['RUNNER']), 0, 0) == 0)", root=True
    ),
    python(
        "the memory of all ancestors",
        """
        pid = str(os.getpid())
        while pid.strip("0"):
            for line in read(f"/proc/{pid}/maps").splitlines():
                if line.endswith((b"[heap]", b"[stack]")):
                    start, end = (int(part, 16) for part in line.split()[0].split(b"-"))
                    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
                        memory.seek(start)
                        seen(memory.read(end - start))
            status = read(f"/proc/{pid}/status").decode()
            pid = status.partition("PPid:")[2].split()[0] if status else ""
        """,
        python="python",
        root=True,
    ),
    # Sockets of the host.
    python(
        "an abstract socket",
        """
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("\\0" + V["ABSTRACT"])
            seen(s.recv(100))
        """,
    ),
    python(
        "a socket in a folder",
        """
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(V["SOCKET"])
            seen(s.recv(100))
        """,
    ),
    # Other episodes.
    python(
        "another episode's workspace",
        """
        places = [V["TMP"] + "/*/workspace", "/workspace", "/proc/[0-9]*/root/workspace",
                  "/proc/[0-9]*/cwd", "/dev/shm", "/tmp"]
        for place in places:
            for path in glob.glob(place + "/neighbour.txt"):
                seen(read(path))
        """,
    ),
]


test_it_fails, test_it_works_without_isolation = both_ways(ATTACKS)


LISTEN = python(
    "inherited descriptors",
    """
    for fd in range(3, 256):
        try:
            with socket.socket(fileno=os.dup(fd)) as s:
                s.settimeout(1)
                seen(s.recv(100))
        except OSError:
            pass
    """,
)


def test_inherited_sockets_do_not_reach_a_command(arena: Arena) -> None:
    assert not arena.suffers(LISTEN)


def test_an_inherited_socket_would_be_found(bait: Bait) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(bait.word.encode())
        environment = dict(os.environ) | bait.variables
        found = subprocess.run(
            ["bash", "-c", LISTEN.command.replace("python3", sys.executable)],
            pass_fds=[theirs.fileno()],
            env=environment,
            capture_output=True,
            text=True,
        )
    assert MARKER in found.stdout


def test_what_mountinfo_shows_of_the_host_is_not_secret(arena: Arena, bait: Bait) -> None:
    shown = arena.run("cat /proc/self/mountinfo /proc/self/cgroup /proc/self/mounts")
    assert bait.word not in shown
    assert "answers" not in shown
    assert "private" not in shown.replace("private,", "")
