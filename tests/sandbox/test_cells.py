"""Cells of Python in the live interpreter, on every backend."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from mle_gym.sandbox import Execution, Limits, Reply, Request, Sandbox, SandboxConfig
from mle_gym.sandbox.snapshots.store import current_store
from tests.sandbox.conftest import BACKENDS, COMMANDS, PATIENCE, start, working_backend

GONE = "variables are gone"
LINES = "import os\nlines = [int(n) for n in os.listdir('/proc/self/fd') if int(n) > 2]\n"
"""Finds every descriptor that the interpreter has, its socket to the runner among them."""


@pytest.fixture(scope="module", params=BACKENDS)
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    config = SandboxConfig(limits=Limits(memory_mb=600), commands=COMMANDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with start(working_backend(request), config) as sandbox:
            yield sandbox


@pytest.fixture(autouse=True)
def fresh(box: Sandbox) -> None:
    run(box, "", restart=True)


def run(
    sandbox: Sandbox, code: str, timeout: float = PATIENCE, restart: bool = False
) -> tuple[int, str]:
    ended = execution(sandbox, code, timeout, restart)
    return ended.exit_code, ended.output.decode()


def execution(
    sandbox: Sandbox, code: str, timeout: float = PATIENCE, restart: bool = False
) -> Execution:
    ended = sandbox.begin_cell(code, timeout=timeout, restart=restart)
    assert isinstance(ended, Execution)
    return ended


def test_cells_are_a_notebook(box: Sandbox) -> None:
    assert run(box, "x = 20\nx + 1") == (0, "21\n")
    assert run(box, "print('said')\nx * 2") == (0, "said\n40\n")
    assert run(box, "x;") == (0, "")
    assert run(box, "_ + 1") == (0, "41\n")
    assert run(box, "!echo $((6 * 7))\ny = 1") == (0, "42\n")
    assert run(box, "import sys; sys.exit(3)") == (3, "")
    assert run(box, "input()")[0] == 1
    assert run(box, "x, __name__") == (0, "(20, '__main__')\n")
    assert run(box, "# a comment") == (0, "")
    assert run(box, f"{'x = 1 # ' + 'long ' * 50_000}\nlen('{'y' * 100_000}')") == (0, "100000\n")


def test_errors_are_short_and_name_the_cells_lines(box: Sandbox) -> None:
    run(box, "def f(n):\n    return f(n - 1) if n else 1 / n")
    exit_code, output = run(box, "z = 1\nf(30)")
    assert exit_code == 1
    assert 'File "<cell 2>", line 2, in <module>\n    f(30)' in output
    assert 'File "<cell 1>", line 2, in f\n' in output
    assert output.endswith("ZeroDivisionError: division by zero\n")
    assert "calls left out" in output
    assert "execute_cell" not in output
    assert len(output.splitlines()) < 50
    assert "plain Python" in run(box, "%timeit 1")[1]
    assert run(box, "x =")[1].endswith("SyntaxError: invalid syntax\n")


def test_a_cell_starts_where_the_shell_is(box: Sandbox) -> None:
    box.execute("mkdir -p deep; cd deep; export WORD=spam", timeout=PATIENCE)
    assert run(box, "import os; os.path.basename(os.getcwd()), os.environ['WORD']") == (
        0, "('deep', 'spam')\n",
    )  # fmt: skip
    box.restart()


def test_a_late_cell_is_interrupted_and_variables_are_kept(box: Sandbox) -> None:
    run(box, "x = 1\nimport time")
    ended = execution(box, "time.sleep(60)", timeout=0.2)
    assert (ended.exit_code, ended.killed_by, ended.timed_out) == (124, "timeout", True)
    assert b"time.sleep(60)" in ended.output
    assert b"[interrupted: the cell ran longer than 0.2 s]" in ended.output
    assert run(box, "x") == (0, "1\n")


STUBBORN = {
    "blocks the signal": "import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, [2])\n"
    "time.sleep(600)",
    "goes on": "import time\nwhile True:\n    try:\n        time.sleep(600)\n"
    "    except KeyboardInterrupt:\n        pass",
    "has stopped": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
}


@pytest.mark.parametrize("way", STUBBORN)
def test_a_cell_that_resists_ends_with_its_interpreter(box: Sandbox, way: str) -> None:
    run(box, "x = 1")
    exit_code, output = run(box, STUBBORN[way], timeout=0.2)
    assert exit_code == 124
    assert output.count(GONE) == 1
    exit_code, output = run(box, "x")
    assert exit_code == 1
    assert GONE not in output


CRASHES = {
    "os._exit(0)": 1,
    "os._exit(7)": 7,
    "os.kill(os.getpid(), 11)": 139,
    "os.closerange(3, 1000)": 1,
    "x = [bytearray(1 << 26) for _ in range(12)]": 137,
}


@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_is_an_observation_and_a_fresh_interpreter_follows(
    box: Sandbox, crash: str
) -> None:
    run(box, "import os\ny = 1")
    exit_code, output = run(box, crash)
    assert exit_code == CRASHES[crash]
    assert output.count(GONE) == 1
    assert run(box, "'y' in globals()") == (0, "False\n")


def test_variables_that_are_gone_are_reported_once(box: Sandbox) -> None:
    run(box, "x = 1")
    assert GONE in run(box, "", restart=True)[1]
    assert run(box, "'x' in globals()") == (0, "False\n")
    box.restart()
    assert box.execute("echo quiet", timeout=PATIENCE).output == b"quiet\n"
    first, second = run(box, "x = 2")[1], run(box, "x")[1]
    assert (first.count(GONE), second) == (1, "2\n")


def test_a_snapshot_tells_that_it_had_variables(box: Sandbox) -> None:
    run(box, "x = 1")
    lease = current_store().lease(box.snapshot())
    assert run(box, "x") == (0, "1\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        config = SandboxConfig(layers=lease.layers, layers_bytes=lease.info.bytes)
        with start(box.backend, config) as other:
            other.restore(lease)
            assert [run(other, "1")[1].count(GONE) for _ in range(2)] == [1, 0]
    lease.release()


def test_a_cell_may_call_what_the_host_offers(box: Sandbox) -> None:
    code = "!echo 1 > submission.csv; submit\n'after'"
    call = box.begin_cell(code, timeout=PATIENCE)
    assert isinstance(call, Request)
    assert (call.tool, call.content) == ("submit", b"1\n")
    ended = box.answer(Reply(0, "thanks\n"))
    assert isinstance(ended, Execution)
    assert ended.output == b"thanks\n'after'\n"
    box.begin_cell(code, timeout=PATIENCE)
    ended = box.answer(Reply(0, "the end\n", end_command=True))
    assert isinstance(ended, Execution)
    assert (ended.exit_code, ended.output) == (0, b"the end\n")


def test_background_work_of_cells_goes_on_and_is_charged(box: Sandbox) -> None:
    run(box, "import threading, time\nend = time.monotonic() + 1e9")
    burn = (
        "def burn():\n    while time.monotonic() < end: pass\nthreading.Thread(target=burn).start()"
    )
    assert run(box, burn)[0] == 0
    charged = 0.0
    for _ in range(50):  # it shares the machine with other tests
        charged += box.execute("sleep 0.2", timeout=PATIENCE).cpu_seconds - 0.005
        if charged > 0.1:
            break
    assert charged > 0.1
    assert run(box, "end = 0") == (0, "")


def test_a_cells_own_time_and_output_are_measured(box: Sandbox) -> None:
    ended = execution(box, "import time\nend = time.process_time() + 0.2\n"
                      "while time.process_time() < end: pass")  # fmt: skip
    assert ended.cpu_seconds > 0.15
    assert ended.duration > 0.15
    ended = execution(box, "print('x' * 1_000_000)")
    assert ended.truncated_bytes > 900_000
    assert len(ended.output) < 30_000


def test_time_that_earlier_cells_were_charged_is_not_charged_again(box: Sandbox) -> None:
    busy = "import os, time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: pass"
    assert execution(box, busy).cpu_seconds > 0.5
    assert execution(box, "os._exit(0)").cpu_seconds < 0.4


def test_a_childs_child_keeps_its_files(box: Sandbox) -> None:
    code = LINES + (
        "if os.fork() == 0:\n"
        "    file = os.open('kept.txt', os.O_RDWR | os.O_CREAT)\n"
        "    for line in lines: os.dup2(file, line)\n"
        "    if os.fork() == 0: os._exit(sum(os.write(line, b'x') for line in lines) == 0)\n"
        "    os._exit(os.WEXITSTATUS(os.wait()[1]))\n"
        "os.WEXITSTATUS(os.wait()[1])"
    )
    assert run(box, code) == (0, "0\n")


ATTACKS = {
    "answers for later cells": LINES + "for n in range(2, 90):\n"
    "    for line in lines:\n"
    '        try: os.write(line, b\'{"cell": %d, "exit_code": 7}\' % n)\n'
    "        except OSError: pass",
    "answers that are nonsense": LINES + "for line in lines:\n"
    "    for text in (b'[' * 200, b'{}', b'0', b'\\xff', b'{\"cell\": [], \"exit_code\": {}}'):\n"
    "        try: os.write(line, text)\n"
    "        except OSError: pass",
    "frames of the runner": LINES + "frame = b'\\0\\0\\0\\x20\\0\\0\\0\\x06'"
    ' + b\'{"op": "done", "exit_code": 7}\'.ljust(32) + b\'forged\'\n'
    "for line in range(60):\n"
    "    try: os.write(line, frame)\n"
    "    except OSError: pass",
    "a child answers": LINES + "import time\n"
    "if os.fork() == 0:\n"
    "    for _ in range(200):\n"
    "        for line in range(60):\n"
    '            try: os.write(line, b\'{"cell": 3, "exit_code": 7}\')\n'
    "            except OSError: pass\n"
    "        time.sleep(0.005)\n"
    "    os._exit(0)",
    "a thread answers": LINES + "import threading, time\n"
    "def forge():\n"
    "    for n in range(100):\n"
    "        for line in lines:\n"
    '            try: os.write(line, b\'{"cell": 2, "exit_code": 7}\')\n'
    "            except OSError: pass\n"
    "        time.sleep(0.005)\n"
    "threading.Thread(target=forge).start()",
    "nobody reads": LINES + "import threading\n"
    "for line in lines:\n"
    "    try: os.read(line, 0)\n"
    "    except OSError: pass",
    "output without end": "import threading\n"
    "def flood():\n"
    "    while True: os.write(1, b'forged' * 9999)\n"
    "import os\n"
    "for _ in range(2): threading.Thread(target=flood, daemon=True).start()",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_cell_forges_is_no_later_steps_answer(box: Sandbox, attack: str) -> None:
    execution(box, ATTACKS[attack])
    for number in range(3):
        step = box.execute(f"echo sane {number}; exit {number}", timeout=PATIENCE)
        assert (step.exit_code, step.output) == (number, b"sane %d\n" % number)
    run(box, "", restart=True)
    assert run(box, "1 + 1") == (0, "2\n")
    box.restart()


def test_an_interpreter_that_says_too_much_is_ended(box: Sandbox) -> None:
    output = run(box, ATTACKS["answers for later cells"])[1] + run(box, "1")[1]
    assert output.count(GONE) == 1
