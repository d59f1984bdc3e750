"""The doctor's probes of what a sandbox may ask of the kernel that it shares with this machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path

from mle_gym.sandbox.protocol import Sandbox
from mle_gym.sandbox.seccomp.call_numbers import MACHINES, system_calls

__all__ = [
    "FORBIDDEN_CALLS",
    "Outcome",
    "Run",
    "calls",
    "namespaces",
    "other_processes",
    "settings",
]

Outcome = tuple[bool, str]
"""Whether the limit is enforced, and what was seen."""

Run = Callable[[Sandbox, str], str]
"""Runs a Python program in a sandbox and returns its output."""

FORBIDDEN_CALLS = {
    "keyctl": (0, -3, 1),
    "ptrace": (0, 0, 0, 0),
    "process_vm_readv": (0, 0, 0, 0, 0, 0),
    "kcmp": (1, 1, 0, 0, 0),
    "io_uring_setup": (0, 0),
}
"""Calls that any user may make if nothing filters them, with harmless arguments."""


def calls(sandbox: Sandbox, run: Run) -> Outcome:
    """Make system calls that no workload needs. Each must be refused, whatever its arguments."""
    machine = platform.machine()
    if machine not in MACHINES:
        return False, f"there is no filter of system calls for {machine}"
    numbers = {name: number for number, name in system_calls(machine).items()}
    wanted = [(name, (numbers[name], *given)) for name, given in FORBIDDEN_CALLS.items()]
    program = (
        "import ctypes, errno, socket\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "refused = (errno.EPERM, errno.ENOSYS)\n"
        f"for name, given in {wanted!r}:\n"
        "    result = libc.syscall(*map(ctypes.c_long, given))\n"
        "    if result != -1 or ctypes.get_errno() not in refused:\n"
        "        print(name)\n"
        "print('tried')\n"
    )
    *made, last = run(sandbox, program).split() or [""]
    detail = f"could be made: {', '.join(made)}" if made else "none that no workload needs was made"
    return last == "tried" and not made, detail


def settings(sandbox: Sandbox, run: Run) -> Outcome:
    """Look for settings of the kernel that can be written."""
    program = (
        "import os\n"
        "found = ['/proc/sysrq-trigger'] * os.access('/proc/sysrq-trigger', os.W_OK)\n"
        "for folder, _, names in os.walk('/proc/sys'):\n"
        "    paths = (os.path.join(folder, name) for name in names)\n"
        "    found += [path for path in paths if os.access(path, os.W_OK)]\n"
        "print(len(found), *found[:2])\n"
    )
    count, *found = run(sandbox, program).split() or ["?"]
    return (
        count == "0",
        f"{count} of the kernel's settings can be written {' '.join(found)}".strip(),
    )


def other_processes(sandbox: Sandbox, run: Run) -> Outcome:
    """Look for this very process by its command line."""
    own = Path("/proc/self/cmdline").read_bytes()
    program = (
        "import os\n"
        f"found = open('/proc/{os.getpid()}/cmdline', 'rb').read()\n"
        f"print('seen' if found == {own!r} else 'other')\n"
    )
    seen = run(sandbox, program) == "seen"
    return not seen, f"this machine's processes {'can' if seen else 'cannot'} be seen"


def namespaces(sandbox: Sandbox, run: Run) -> Outcome:
    """Make a user namespace, which is the usual first step of attacks on a kernel."""
    program = (
        "import ctypes\n"
        "print('made' if ctypes.CDLL(None).unshare(0x10000000) == 0 else 'refused')\n"
    )
    answer = run(sandbox, program)
    return answer == "refused", f"a user namespace was {answer or 'not tried'}"
