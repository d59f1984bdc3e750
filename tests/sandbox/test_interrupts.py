"""What ends a command from outside, and when nothing may run any more, with every backend."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from mle_gym.errors import SandboxCrashed
from mle_gym.sandbox import Sandbox


def later(seconds: float, call: Callable[[], None]) -> None:
    """Call a function in another thread."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


def test_an_interrupted_command_ends_and_the_sandbox_goes_on(sandbox: Sandbox) -> None:
    sandbox.execute("export KEPT=1; echo kept > file; sleep 99 & echo $! > older", timeout=9)
    for command in ("sleep 60", "trap '' INT; sleep 60 & sleep 60", "kill -STOP $$"):
        later(0.3, sandbox.interrupt)
        execution = sandbox.execute(command, timeout=60)
        assert (execution.exit_code, execution.killed_by) == (130, "")
        assert b"[interrupted]" in execution.output
        after = sandbox.execute("cat file; echo $KEPT; kill -0 $(cat older) && echo on", timeout=9)
        assert after.output.split() == [b"kept", b"1", b"on"]


def test_an_interrupt_of_nothing_does_nothing(sandbox: Sandbox) -> None:
    sandbox.interrupt()
    assert sandbox.execute("echo on", timeout=9).output == b"on\n"


def test_ctrl_c_is_held_back_until_host_and_runner_are_in_step(sandbox: Sandbox) -> None:
    later(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        sandbox.execute("sleep 60", timeout=60)
    assert sandbox.execute("echo on", timeout=9).output == b"on\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_closing_ends_what_another_thread_waits_for(sandbox: Sandbox) -> None:
    later(0.3, sandbox.close)
    with pytest.raises(SandboxCrashed, match="was closed meanwhile") as caught:
        sandbox.execute("sleep 60", timeout=60)
    assert caught.value.kind == "interrupted"


WRITERS = (
    "while sleep 0.05; do echo late > 0; done &",
    "(setsid bash -c 'while sleep 0.05; do echo late > 1; done' &) &",
    "exec 3>>2; (while sleep 0.05; do echo late >&3; done) & exec 3>&-",
    "while sleep 0.05; do echo late > 3; touch -d 2000-01-01 3; done &",
    "(trap '' INT TERM HUP; while sleep 0.05; do echo late > 4; done) &",
    "for i in 1 2 3; do (while :; do echo late > 5; done) & done",
    'python3 -c \'while True: open("6", "w").write("late")\' &',
)


def test_nothing_writes_once_everything_has_expired(sandbox: Sandbox) -> None:
    for writer in WRITERS:
        sandbox.execute(writer, timeout=20)
    sandbox.execute("until [ -s 6 ]; do sleep 0.05; done", timeout=60)
    sandbox.expire(0)
    for name in range(len(WRITERS)):
        sandbox.write_file(str(name), b"in time")
    time.sleep(0.3)
    left = [sandbox.fetch(str(name), max_bytes=99) for name in range(len(WRITERS))]
    assert left == [b"in time"] * len(WRITERS)


def test_everything_expires_by_itself_with_the_command_that_runs(sandbox: Sandbox) -> None:
    sandbox.execute("(setsid sh -c 'sleep 2; echo late > late' &) &", timeout=9)
    sandbox.expire(0.5)
    execution = sandbox.execute("trap '' INT; sleep 60", timeout=60)
    assert (execution.exit_code, execution.killed_by) == (124, "timeout")
    time.sleep(1.8)
    assert b"late" not in sandbox.list_files().output
    sandbox.expire(None)
    assert sandbox.execute("echo on", timeout=9).output == b"on\n"
