"""An attack: a program that reports success, and the place where it must succeed."""

from __future__ import annotations

import platform
import shlex
import textwrap
from dataclasses import dataclass

from mle_gym.sandbox.seccomp.call_numbers import MACHINES, system_calls

MARKER = "PWNED"

CALLS = {name: n for n, name in system_calls(platform.machine()).items()} if (
    platform.machine() in MACHINES
) else {}  # fmt: skip
"""System calls of this machine and their numbers."""

SHELL_PRELUDE = """\
pwned() { echo PW""NED; }
seen() { case "$(tr -d '\\0')" in *"$WORD_A$WORD_B"*) pwned ;; esac; }
export RUNNER=$PPID
"""
"""For bash: ``pwned``, and ``seen``, which is that if standard input has the secret word."""

PYTHON_PRELUDE = """\
import ctypes, errno, glob, os, socket, sys, time
V, A, B = os.environ, os.environ["WORD_A"].encode(), os.environ["WORD_B"].encode()
libc = ctypes.CDLL(None, use_errno=True)

def pwned(worked=True):
    if worked:
        print("PW" + "NED", flush=True)

def seen(data):
    # Never joined: this program would find the word in its own memory.
    at = data.find(A)
    while at >= 0:
        if data[at + len(A):].startswith(B):
            pwned()
        at = data.find(A, at + 1)

def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""

def call(number, *arguments):
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    return ctypes.get_errno() if result == -1 else 0

"""


@dataclass(frozen=True)
class Attack:
    """What an agent may try."""

    name: str
    command: str
    """For the shell. Prints :data:`MARKER` if it worked, and only then."""
    works: str = "subprocess"
    """Where it does: without isolation, or in a sandbox that lacks one defence."""
    root: bool = False
    """Whether it requires root even there."""
    optional: bool = False
    """Whether some kernels lack what it uses: shown by its failing as a plain process, too."""
    timeout: float = 20.0

    def __str__(self) -> str:
        return self.name


def shell(name: str, program: str, works: str = "subprocess", **options: object) -> Attack:
    """An attack in bash."""
    command = SHELL_PRELUDE + textwrap.dedent(program)
    return Attack(name, command, works, **options)  # type: ignore[arg-type]


def python(
    name: str,
    program: str,
    works: str = "subprocess",
    python: str = "python3 -I -S",
    **options: object,
) -> Attack:
    """An attack in Python: cold and without packages, unless another ``python`` is named."""
    text = PYTHON_PRELUDE + textwrap.dedent(program)
    command = f"export RUNNER=$PPID\n{python} - <<'END_OF_ATTACK'\n{text}\nEND_OF_ATTACK\n"
    return Attack(name, command, works, **options)  # type: ignore[arg-type]


def reaches(name: str, arguments: str, works: str = "without filter", **options: object) -> Attack:
    """A system call gets as far as the kernel's own code: no filter, no missing capability."""
    refused = "(errno.EPERM, errno.ENOSYS, errno.EAFNOSUPPORT)"
    program = f"pwned(call({CALLS.get(name, -1)}, {arguments}) not in {refused})"
    return python(name, program, works, **options)


def exports(variables: dict[str, str]) -> str:
    """A line of shell that sets variables."""
    return "".join(f"export {name}={shlex.quote(text)}\n" for name, text in variables.items())
