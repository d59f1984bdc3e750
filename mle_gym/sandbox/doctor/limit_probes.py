"""The doctor's probes: each does in a sandbox what a limit forbids, and checks if it worked."""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mle_gym.errors import SandboxCrashed
from mle_gym.paths import PACKAGE, cache_folder
from mle_gym.sandbox.doctor import kernel_probes
from mle_gym.sandbox.doctor.kernel_probes import Outcome
from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.protocol import Sandbox

__all__ = ["LIMITS_OF", "PROBES", "PROBE_LIMITS", "Outcome"]

PROBE_LIMITS = Limits(memory_mb=128, processes=40, disk_mb=16, output_bytes=2000)
"""Small limits, so that exceeding them is harmless on a machine that doesn't enforce them."""
LIMITS_OF = {"cpu": replace(PROBE_LIMITS, cpus=0.1)}
"""Other limits, for the probes that need them."""

_SECONDS = 20.0


def _python(sandbox: Sandbox, program: str, *, timeout: float = _SECONDS) -> str:
    """Run a program in the sandbox's own Python; returns its output."""
    written = sandbox.write_file("probe.py", program.encode())
    if written.exit_code != 0:
        raise SandboxCrashed(f"no file can be written: {written.output.decode(errors='replace')}")
    output = sandbox.execute("python3 -I -S probe.py", timeout=timeout).output
    return output.decode("utf-8", "replace").strip()


def _at_most(limit: int, sandbox: Sandbox, program: str, seen: str) -> Outcome:
    """Run a program that prints how much it got, which must be something and within the limit.

    Args:
        limit: What is allowed.
        sandbox: Where to run it.
        program: Python.
        seen: What to say of the two numbers.
    """
    number = _number(_python(sandbox, program))
    return 0 < number <= limit, seen.format(number, limit)


def _memory(sandbox: Sandbox) -> Outcome:
    """Allocate much more memory than allowed and hold it for longer than a watchdog sleeps."""
    size = 4 * (PROBE_LIMITS.memory_mb + 2 * PROBE_LIMITS.disk_mb)
    program = (
        "import time\n"
        f"held = [b'x' * (1 << 20) for _ in range({size})]\n"
        "time.sleep(1)\n"
        "print('survived')\n"
    )
    survived = "survived" in _python(sandbox, program)
    limit = PROBE_LIMITS.memory_mb
    return not survived, (
        f"a program {'kept' if survived else 'died taking'} {size} MB, {limit} MB are allowed"
    )


def _processes(sandbox: Sandbox) -> Outcome:
    """Fork until it fails, up to a number that is harmless where nothing limits it."""
    program = (
        "import os, signal, time\n"
        "children = []\n"
        "try:\n"
        f"    while len(children) < {3 * PROBE_LIMITS.processes}:\n"
        "        child = os.fork()\n"
        "        if child == 0:\n"
        "            time.sleep(30)\n"
        "            os._exit(0)\n"
        "        children.append(child)\n"
        "except OSError:\n"
        "    pass\n"
        "for child in children:\n"
        "    os.kill(child, signal.SIGKILL)\n"
        "print(len(children))\n"
    )
    limit = PROBE_LIMITS.processes
    return _at_most(limit, sandbox, program, "{:g} processes could be started, {} are allowed")


def _disk(sandbox: Sandbox) -> Outcome:
    """Write more than allowed to each writable place."""
    most = 4 * PROBE_LIMITS.disk_mb
    program = (
        "import os, tempfile\n"
        "sizes = []\n"
        "for folder in (os.getcwd(), tempfile.gettempdir()):\n"
        "    path = os.path.join(folder, 'probe.bin')\n"
        "    with open(path, 'wb', buffering=0) as file:\n"
        "        try:\n"
        f"            for _ in range({most}):\n"
        "                file.write(b'x' * (1 << 20))\n"
        "        except OSError:\n"
        "            pass\n"
        "    sizes.append(os.path.getsize(path) >> 20)\n"
        "    os.unlink(path)\n"
        "print(max(sizes))\n"
    )
    limit = PROBE_LIMITS.disk_mb
    seen = "a file of {:g} MB could be written, {} MB are allowed"
    return _at_most(limit, sandbox, program, seen)


_BUSY_SECONDS = 1.5
_LEAST_OUTSIDE = 0.05
"""Processors that a process outside must have got for the measurement to say anything."""
_BUSY = """
import os, time
end = time.monotonic() + {seconds}
children = [child for child in (os.fork() for _ in range({forks})) if child]
while time.monotonic() < end:
    pass
for child in children:
    os.waitpid(child, 0)
if len(children) == {forks}:
    print(sum(os.times()[:4]) / {seconds})
"""
"""Prints how many processors it and its children got; each fork is by all processes so far."""


def _cpu(sandbox: Sandbox) -> Outcome:
    """Keep eight processes busy and add up what they got.

    There are so many, and the limit is so small, that a busy machine doesn't look like one that
    enforces it. On a machine that is busier still, a process outside gets little too, and what
    those inside got says nothing.
    """
    forks, limit = 3, LIMITS_OF["cpu"].cpus
    alone = [sys.executable, "-I", "-S", "-c", _BUSY.format(seconds=_BUSY_SECONDS, forks=0)]
    with subprocess.Popen(alone, stdout=subprocess.PIPE, text=True) as control:
        used = _number(_python(sandbox, _BUSY.format(seconds=_BUSY_SECONDS, forks=forks)))
        outside = _number(control.communicate()[0])
    # A quota is spent in slices, so a little more doesn't mean that it isn't enforced.
    held_back = outside > _LEAST_OUTSIDE and used / 2**forks < outside / 4
    return 0 < used <= 2 * limit and held_back, (
        f"busy processes got {used:.2f} processors, {limit:g} are allowed; one that was not in a "
        f"sandbox got {outside:.2f}"
    )


def _output(sandbox: Sandbox) -> Outcome:
    """Print far more output than may be returned."""
    command = "head -c 1000000 /dev/zero | tr '\\0' x; echo; echo the end"
    execution = sandbox.execute(command, timeout=_SECONDS)
    size = len(execution.output)
    cut = size < 2 * PROBE_LIMITS.output_bytes and execution.output.endswith(b"the end\n")
    return cut, f"{size} of 1000009 bytes of output came back"


def _network(sandbox: Sandbox) -> Outcome:
    """Call a server that listens on this machine."""
    with socket.create_server(("", 0)) as server:
        addresses = [("127.0.0.1", server.getsockname()[1])]
        with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # sends nothing: finds this machine's own address
            addresses.append((probe.getsockname()[0], addresses[0][1]))
        program = (
            "import socket\n"
            f"for address in {addresses!r}:\n"
            "    try:\n"
            "        socket.create_connection(address, timeout=1).close()\n"
            "        print('reached', *address)\n"
            "    except OSError as error:\n"
            "        print('failed:', error)\n"
        )
        answer = _python(sandbox, program)
    reached = "reached" in answer
    tried = "failed" in answer and not reached
    return tried, f"a server on this machine {'was' if reached else 'could not be'} reached"


def _timeout(sandbox: Sandbox) -> Outcome:
    """Run a command, and a daemon that it hides, for longer than allowed."""
    marker = str(uuid.uuid4().int % 10**9 + 10**6)
    started = time.monotonic()
    execution = sandbox.execute(
        f"(setsid sleep {marker} >/dev/null 2>&1 &) ; trap '' INT TERM; sleep {marker}", timeout=0.5
    )
    seconds = time.monotonic() - started
    wanted = (
        f"b'sleep\\x00{marker}\\x00'"  # after a plain \\0, digits would be part of an octal number
    )
    program = (
        "import os\n"
        "found = 0\n"
        "for pid in os.listdir('/proc'):\n"
        "    try:\n"
        f"        found += open('/proc/%s/cmdline' % pid, 'rb').read() == {wanted}\n"
        "    except OSError:\n"
        "        pass\n"
        "print(found)\n"
    )
    left = _python(sandbox, program)
    return execution.timed_out and left == "0", (
        f"a command allowed 0.5 s ended after {seconds:.1f} s and left {left} processes"
    )


def _answers(sandbox: Sandbox) -> Outcome:
    """Look for what must never be inside: graders, datasets with their answers, the home folder."""
    word = uuid.uuid4().hex
    with contextlib.ExitStack() as stack:
        places = {"mle_gym": PACKAGE / "errors.py"}
        for name, folder in (
            ("the dataset cache", cache_folder()),
            ("the home folder", Path.home()),
        ):
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(
                    tempfile.NamedTemporaryFile(dir=folder, prefix=".probe-")
                )
                file.write(word.encode())
                file.flush()
                Path(file.name).chmod(0o644)
                places[name] = Path(file.name)
        found = {name for name, path in places.items() if _shows(sandbox, path)}
    # Import it as well: a mask leaves an empty folder of a package, which could still be imported.
    if sandbox.execute("python3 -c 'import mle_gym.errors'", timeout=_SECONDS).exit_code == 0:
        found.add("mle_gym")
    seen = ", ".join(sorted(found))
    return not found, f"{seen} can be read" if found else f"hidden: {', '.join(sorted(places))}"


def _shows(sandbox: Sandbox, path: Path) -> bool:
    return sandbox.execute(f"test -s {shlex.quote(str(path))}", timeout=_SECONDS).exit_code == 0


def _user(sandbox: Sandbox) -> Outcome:
    """Ask the kernel as which user commands run, and with which capabilities."""
    program = (
        "import os\n"
        "for line in open('/proc/self/status'):\n"
        "    if line.startswith('CapEff'):\n"
        "        print(os.getuid(), int(line.split()[1], 16))\n"
    )
    uid, _, capabilities = _python(sandbox, program).partition(" ")
    return uid not in ("", "0") and capabilities == "0", (
        f"commands run as user {uid} with {'no' if capabilities == '0' else 'some'} capabilities"
    )


def _number(text: str) -> float:
    try:
        return float(text.split()[-1])
    except (IndexError, ValueError):
        return 0.0


PROBES: dict[str, Callable[[Sandbox], Outcome]] = {
    "memory": _memory,
    "processes": _processes,
    "disk": _disk,
    "cpu": _cpu,
    "output": _output,
    "network": _network,
    "timeout": _timeout,
    "answers": _answers,
    "user": _user,
    "system calls": lambda sandbox: kernel_probes.calls(sandbox, _python),
    "kernel settings": lambda sandbox: kernel_probes.settings(sandbox, _python),
    "other processes": lambda sandbox: kernel_probes.other_processes(sandbox, _python),
    "namespaces": lambda sandbox: kernel_probes.namespaces(sandbox, _python),
}
