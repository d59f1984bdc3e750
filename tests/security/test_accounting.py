"""What a command uses is charged to it, whatever it does to hide that: it may decide the score.

Where control groups count, nothing escapes. Where they don't (an ordinary user's sandboxes, and
here ``subprocess``), a process escapes for which nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from mle_gym.sandbox import Execution, Sandbox, SandboxConfig
from tests.sandbox.conftest import eventually, start

SECONDS = 0.4
MB = 300
BURN = f"""
import os, signal, sys, time
def burn():
    end = time.process_time() + {SECONDS}
    while time.process_time() < end:
        pass
"""
HIDDEN_SECONDS = {
    "its group is killed": "burn(); os.kill(0, signal.SIGKILL)",
    "an orphan": """
line = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        burn()
        os.write(line[1], b"done")
    os._exit(0)
os.wait()
os.read(line[0], 4)
""",
    "later": """
if os.fork() == 0:
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    burn()
    open("burnt", "w")
""",
}
NOBODY_WAITS = """
line = os.pipe()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    burn()
    os.write(line[1], b"done")
    os._exit(0)
os.read(line[0], 4)
time.sleep(0.1)
"""
SPIKE = f"x = b'x' * ({MB} << 20)"
HIDDEN_MEMORY = {
    "a short spike": f"{SPIKE}\ndel x",
    "a child's short spike": f"import os\nos.fork() and os.wait() or exec({SPIKE!r})",
    "a file in memory": f"""
import time
with open("/dev/shm/x", "wb") as file:
    for _ in range({MB}):
        file.write(bytes(1 << 20))
time.sleep(0.5)
""",
}
A_FILE_WITHOUT_A_NAME = f"""
import os
file = os.memfd_create("x")
for _ in range({MB}):
    os.write(file, bytes(1 << 20))
"""


@pytest.fixture
def box(isolating_backend: str) -> Iterator[Sandbox]:
    """Where Python is warm, if it can be: a warm program's keeper is in no sandbox."""
    with start(isolating_backend, SandboxConfig()) as sandbox:
        assert eventually(lambda: sandbox.execute("python -c 0", timeout=60).cold != "late")
        yield sandbox


@pytest.fixture
def open_box() -> Iterator[Sandbox]:
    with start("subprocess", SandboxConfig()) as sandbox:
        yield sandbox


def charged(sandbox: Sandbox, program: str, more: Callable[[], object] = lambda: None) -> float:
    """Seconds of this command and of the next one, which starts after ``more``."""
    sandbox.execute("true", timeout=60)
    first = _python(sandbox, BURN + program)
    more()
    return first.cpu_seconds + sandbox.execute("true", timeout=60).cpu_seconds


def _python(sandbox: Sandbox, program: str) -> Execution:
    sandbox.write_file("p.py", program.encode())
    return sandbox.execute("python p.py", timeout=120)


@pytest.mark.parametrize("way", HIDDEN_SECONDS)
def test_processor_time_is_charged(box: Sandbox, way: str) -> None:
    def wait() -> None:
        assert way != "later" or eventually(lambda: "burnt" in _listing(box))

    assert charged(box, HIDDEN_SECONDS[way], wait) > 0.9 * SECONDS


def _listing(sandbox: Sandbox) -> str:
    return sandbox.list_files(".").output.decode()


def test_processor_time_that_nobody_waits_for_is_charged(box: Sandbox) -> None:
    assert charged(box, NOBODY_WAITS) > 0.9 * SECONDS


def test_processor_time_that_nobody_waits_for_escapes_without_control_groups(
    open_box: Sandbox,
) -> None:
    assert charged(open_box, NOBODY_WAITS) < 0.9 * SECONDS


@pytest.mark.parametrize("way", HIDDEN_MEMORY)
def test_memory_is_charged(box: Sandbox, way: str) -> None:
    assert _python(box, HIDDEN_MEMORY[way]).peak_memory_mb > MB


def test_memory_of_files_without_a_name_is_charged(box: Sandbox) -> None:
    assert _python(box, A_FILE_WITHOUT_A_NAME).peak_memory_mb > MB


def test_memory_of_files_without_a_name_escapes_without_control_groups(open_box: Sandbox) -> None:
    assert _python(open_box, A_FILE_WITHOUT_A_NAME).peak_memory_mb < MB


def test_the_peak_is_the_commands_own(box: Sandbox) -> None:
    assert _python(box, SPIKE).peak_memory_mb > MB
    assert box.execute("true", timeout=60).peak_memory_mb < MB
