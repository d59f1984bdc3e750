"""Reads what a shim asks for, and decides whether the real interpreter has to do it.

The bytes are hostile. The process that reads them is already as confined as the sender, and refuses
anything unusual.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass

HEADER = struct.Struct("=8s4Iii2Q32Q128s")
MAGIC = b"mlewarm1"
LARGEST = 1 << 22
SECONDS = 2.0
DESCRIPTORS = 4

THREADS = {
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "LOKY_MAX_CPU_COUNT",
}
"""Variables that may differ from the zygote's: the program adjusts its number of threads."""
_READ_AT_START = re.compile(
    "PYTHON|LANG|LC_|LD_|GLIBC_|MALLOC_|OMP_|KMP_|GOMP_|OPENBLAS|GOTO_|MKL_|BLIS_|VECLIB_|NPY_"
    "|NUMPY_|NUMEXPR_|SCIPY_|SKLEARN_|PANDAS_|JOBLIB_|MPL|TORCH|PYTORCH_|XGB|LIGHTGBM|TF_|JAX_"
)
"""Variables that an interpreter or a library reads as it starts. They must be as in the zygote."""
_NEUTRAL = {"PYTHONUNBUFFERED"}


class Refusal(Exception):
    """The real interpreter has to run this program."""


@dataclass(frozen=True)
class Request:
    """One call of ``python``."""

    arguments: tuple[bytes, ...]
    variables: tuple[bytes, ...]
    descriptors: tuple[int, ...]
    """Standard input, output and error, and the working directory."""
    umask: int
    nice: int
    parent: int
    ignored: int
    """Bit n - 1 is set if signal n is ignored."""
    blocked: int
    limits: tuple[tuple[int, int], ...]
    processors: bytes
    """One bit for each processor."""


@dataclass(frozen=True)
class Command:
    """What a command line means that can be served."""

    form: str
    """``script``, ``code``, ``module`` or ``stdin``."""
    target: bytes
    arguments: tuple[bytes, ...]
    """``sys.argv`` as it is when the program starts."""
    unbuffered: bool
    environment: dict[bytes, bytes]


def receive(connection: socket.socket) -> Request:
    """Read a request.

    Raises:
        Refusal: It is malformed.
        OSError: The sender has left, or is too slow.
    """
    connection.settimeout(SECONDS)
    data, descriptors, flags, _ = socket.recv_fds(connection, HEADER.size, DESCRIPTORS)
    data += _exactly(connection, HEADER.size - len(data)) if len(data) < HEADER.size else b""
    magic, count, variables, size, umask, nice, parent, ignored, blocked, *rest = HEADER.unpack(
        data
    )
    if magic != MAGIC or len(descriptors) != DESCRIPTORS or flags & socket.MSG_CTRUNC:
        raise Refusal("not a request")
    if size > LARGEST or not count:
        raise Refusal("too large")
    strings = _exactly(connection, size).split(b"\0")
    if strings.pop() != b"" or len(strings) != count + variables:
        raise Refusal("not what was announced")
    numbers, processors = rest[:-1], rest[-1]
    return Request(
        tuple(strings[:count]),
        tuple(strings[count:]),
        tuple(descriptors),
        umask & 0o777,
        nice,
        parent,
        ignored,
        blocked,
        tuple((numbers[n], numbers[n + 1]) for n in range(0, len(numbers), 2)),
        processors,
    )


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = connection.recv(min(size, 1 << 16))
        if not part:
            raise Refusal("cut short")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


# ------------------------------------------------------------------------------------- the rules


def understand(
    request: Request,
    own_environment: Mapping[bytes, bytes],
    own_limits: Collection[tuple[int, int]],
    preloaded: Collection[str],
) -> Command:
    """Decide whether a warm interpreter can do this unnoticed. To be called in its directory.

    Args:
        request: What the shim asks for.
        own_environment: The zygote's variables.
        own_limits: The resource limits of the sandbox's commands.
        preloaded: Names of the top-level modules that a new interpreter would not have.

    Raises:
        Refusal: It can't.
    """
    if tuple(own_limits) != request.limits:
        raise Refusal("other resource limits")
    environment = _environment(request.variables)
    if _read_at_start(environment) != _read_at_start(own_environment):
        raise Refusal("variables that matter at start")
    if not all(_plain_number(environment.get(os.fsencode(name), b"1")) for name in THREADS):
        raise Refusal("a number of threads that is not a number")
    form, target, arguments, unbuffered = _command_line(request.arguments[1:])
    if form == "script":
        _check_script(target)
    if _shadowed(_first_place(form, target), preloaded):
        raise Refusal("a local module has the name of a preloaded one")
    unbuffered = unbuffered or bool(environment.get(b"PYTHONUNBUFFERED"))
    return Command(form, target, arguments, unbuffered, environment)


def _environment(variables: Collection[bytes]) -> dict[bytes, bytes]:
    """Read the environment as an interpreter does: the first of each name counts."""
    environment: dict[bytes, bytes] = {}
    for variable in variables:
        name, equals, value = variable.partition(b"=")
        if not equals or not name:
            raise Refusal("an odd environment")
        environment.setdefault(name, value)
    return environment


def _read_at_start(environment: Mapping[bytes, bytes]) -> dict[str, bytes]:
    named = {os.fsdecode(name): value for name, value in environment.items()}
    return {
        name: value
        for name, value in named.items()
        if _READ_AT_START.match(name) and name not in THREADS and name not in _NEUTRAL
    }


def _plain_number(value: bytes) -> bool:
    return value.isdigit() and 0 < int(value) < 1000


def _command_line(rest: tuple[bytes, ...]) -> tuple[str, bytes, tuple[bytes, ...], bool]:
    """Return form, target, ``sys.argv`` and whether ``-u`` is given. Other options are refused."""
    unbuffered = False
    while rest and rest[0] == b"-u":
        unbuffered, rest = True, rest[1:]
    if not rest:
        return "stdin", b"", (b"",), unbuffered
    first = rest[0]
    if first in (b"-c", b"-m"):
        if len(rest) < 2:
            raise Refusal("no argument")
        if rest[1].decode("utf-8", "ignore").encode() != rest[1]:
            raise Refusal("not UTF-8")
        return ("code" if first == b"-c" else "module"), rest[1], (first, *rest[2:]), unbuffered
    if first == b"-":
        return "stdin", b"", rest, unbuffered
    if first.startswith(b"-"):
        raise Refusal("an option")
    return "script", first, rest, unbuffered


def _check_script(path: bytes) -> None:
    """Refuse all but source code in a regular file: the rest is run by other means."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            beginning = file.read(2) if regular else b""
    except OSError:
        raise Refusal("unreadable") from None
    if not regular or not path.endswith(b".py") or beginning == b"PK":
        raise Refusal("not plain source code")


def _first_place(form: str, target: bytes) -> bytes:
    """The folder in which the program's imports are looked for first."""
    return os.path.dirname(os.path.realpath(target)) if form == "script" else b"."


def _shadowed(folder: bytes, preloaded: Collection[str]) -> bool:
    try:
        names = os.listdir(folder)
    except OSError:
        raise Refusal("an unreadable folder") from None
    return any(os.fsdecode(name).partition(".")[0] in preloaded for name in names)
