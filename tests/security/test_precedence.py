"""Limits, priority and settings of other processes, above all of the supervisor."""

from __future__ import annotations

import pytest

from tests.security.arena import Arena
from tests.security.attack import CALLS, Attack, python, reaches
from tests.security.suites import both_ways


def on_the_first(name: str, program: str, **options: object) -> Attack:
    """Something that the kernel lets any process do to another one of the same user."""
    return python(name, program, "without filter", **options)


ATTACKS = [
    on_the_first("its limits", """
        import resource
        names = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
        for number in names:
            try:  # what it has already: harmless
                resource.prlimit(1, number, resource.prlimit(1, number))
            except OSError:
                continue
            pwned()
        """),
    on_the_first("the limits that it has", "import resource; resource.prlimit(1, 7); pwned()"),
    # With the flag that it has already: without the right to raise a priority, it can't be removed.
    on_the_first("its scheduling class", """
        os.sched_setscheduler(1, 3 | os.SCHED_RESET_ON_FORK, os.sched_param(0))
        pwned()
        """),
    on_the_first("its scheduling parameter", "os.sched_setparam(1, os.sched_param(0)); pwned()"),
    reaches("sched_setattr", "1, None, 0"),
    reaches("sched_setattr", "os.getppid(), None, 0"),
    # An empty set, which changes nothing, but the error shows that the kernel looked at it.
    on_the_first("its processors", f"""
        pwned(call({CALLS.get("sched_setaffinity", -1)}, 1, 8, bytes(8)) == errno.EINVAL)
        """),
    on_the_first("its nice value", "os.setpriority(os.PRIO_PROCESS, 1, 1); pwned()"),
    on_the_first("that of one's own group", "os.setpriority(os.PRIO_PGRP, 0, 1); pwned()"),
    on_the_first("that of its user", "os.setpriority(os.PRIO_USER, 0, 1); pwned()"),
    *(
        on_the_first(f"its place in the queue of a disk, by {whose}", f"""
            pwned(call({CALLS.get("ioprio_set", -1)}, {number}, {who}, 3 << 13) == 0)
            """)
        for whose, number, who in (("number", 1, 1), ("group", 2, 0), ("user", 3, "os.getuid()"))
    ),
    reaches("process_madvise", "-1, None, 0, 21, 0", optional=True),
    reaches("process_mrelease", "-1, 0", optional=True),
    on_the_first("a core for oneself", """
        pwned(libc.prctl(62, 99, 0, 0, 0) == -1 and ctypes.get_errno() != errno.EPERM)
        """),
    python("what its files in /proc let others set", """
        for name in ("oom_score_adj", "coredump_filter", "timerslack_ns", "clear_refs"):
            try:
                with open(f"/proc/{V['RUNNER']}/{name}", "r+b" if name[0] != "c" else "wb") as file:
                    file.write(b"50")
            except OSError:
                continue
            pwned()
        """, root=True),
    python("its memory", "open(f\"/proc/{V['RUNNER']}/mem\", 'rb'); pwned()", root=True),
]  # fmt: skip


test_it_fails, test_it_works_without_the_defence = both_ways(ATTACKS)


OWN = """
import os, resource, subprocess, threading
resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
os.setpriority(os.PRIO_PROCESS, 0, 3)
os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
worker = threading.Thread(target=lambda: os.sched_setaffinity(threading.get_native_id(), [0]))
worker.start()
worker.join()
print(subprocess.run(["nice", "-n", "2", "true"]).returncode, os.nice(0), os.sched_getscheduler(0),
      len(os.sched_getaffinity(0)), resource.getrlimit(resource.RLIMIT_CPU)[0])
"""


@pytest.mark.parametrize("python", ["python", "python3 -I -S"])
def test_a_program_may_set_its_own(arena: Arena, python: str) -> None:
    assert arena.run(f"{python} - <<'END'\n{OWN}\nEND") == "0 3 3 1 100\n"
