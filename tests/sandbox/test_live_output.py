"""The output of a command while it runs, on every backend."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from mle_gym.sandbox import Execution, Limits, Reply, Request, Sandbox
from mle_gym.sandbox.protocol import Printed

from .conftest import PATIENCE, MakeSandbox

Begin = Callable[..., Execution | Request]


class Heard:
    """What came while a command ran."""

    def __init__(self) -> None:
        self.all: list[Printed] = []
        self._came = threading.Condition()

    def __call__(self, printed: Printed) -> None:
        with self._came:
            self.all.append(printed)
            self._came.notify_all()

    @property
    def head(self) -> bytes:
        return b"".join(each.content for each in self.all if not each.newest)

    @property
    def newest(self) -> list[bytes]:
        return [each.content for each in self.all if each.newest]

    def wait_for(self, content: bytes) -> None:
        with self._came:
            assert self._came.wait_for(lambda: content in self.head, PATIENCE), self.all


def finish(event: Execution | Request) -> Execution:
    assert isinstance(event, Execution)
    return event


def test_output_comes_before_the_command_ends(sandbox: Sandbox) -> None:
    heard = Heard()
    done: list[Execution] = []
    script = "echo first; until [ -e go ]; do sleep 0.02; done; echo last"
    # Files can't be written while a command runs, so the other thread interrupts it.
    thread = threading.Thread(
        target=lambda: done.append(finish(sandbox.begin(script, timeout=60, on_output=heard)))
    )
    thread.start()
    heard.wait_for(b"first\n")
    assert not done
    sandbox.interrupt()
    thread.join(PATIENCE)
    assert done[0].output.startswith(b"first\n")
    assert done[0].exit_code == 130


def test_a_cell_is_heard_too(sandbox: Sandbox) -> None:
    heard = Heard()
    code = "import time\nprint('one', flush=True)\ntime.sleep(0.5)\nprint('two')"
    execution = finish(sandbox.begin_cell(code, timeout=60, on_output=heard))
    assert execution.output == b"one\ntwo\n"
    assert b"one\n" in heard.head
    assert execution.output.startswith(heard.head)


@pytest.mark.parametrize("limit", [20_000, 200])
def test_the_head_is_a_beginning_of_the_output_and_then_only_the_newest_comes(
    make_sandbox: MakeSandbox, limit: int
) -> None:
    sandbox, heard = make_sandbox(limits=Limits(output_bytes=limit)), Heard()
    script = "for i in 1 2 3 4 5 6; do seq -f %020.0f 1 1000; sleep 0.15; done; echo the end"
    execution = finish(sandbox.begin(script, timeout=60, on_output=heard))
    assert execution.truncated_bytes > 0
    assert execution.output.startswith(heard.head)
    assert len(heard.head) == limit // 2
    assert heard.newest
    assert all(len(each) <= 1_000 for each in heard.newest)
    assert len(heard.all) < 50  # not one for each write


def test_nothing_comes_while_the_host_answers_a_call(sandbox: Sandbox) -> None:
    heard = Heard()
    script = (
        "echo 1 > submission.csv; echo before; (sleep 0.1; echo meanwhile) & validate; "
        "wait; echo after; sleep 0.3"
    )
    call = sandbox.begin(script, timeout=60, on_output=heard)
    assert isinstance(call, Request)
    ended: list[None] = []
    with sandbox.watch(lambda: ended.append(None)):
        time.sleep(0.6)  # what is written now must not look as if the caller had left
    assert not ended
    execution = finish(sandbox.answer(Reply(0, "valid\n")))
    assert execution.output.splitlines() == [b"before", b"meanwhile", b"valid", b"after"]
    assert execution.output.startswith(heard.head)
    assert b"after" in heard.head


def test_a_listener_that_is_slow_delays_no_timeout(sandbox: Sandbox) -> None:
    slow = threading.Event()
    execution = finish(
        sandbox.begin("yes", timeout=1, on_output=lambda printed: slow.wait(0.5) and None)
    )
    assert execution.timed_out
    assert 1 <= execution.duration < 1 + PATIENCE / 4
    assert finish(sandbox.begin("echo fine", timeout=20)).output == b"fine\n"


def test_who_does_not_listen_gets_nothing_but_the_answer(sandbox: Sandbox) -> None:
    heard = Heard()
    sandbox.begin("echo heard; sleep 0.2", timeout=20, on_output=heard)
    assert heard.head == b"heard\n"
    assert sandbox.execute("echo unheard; sleep 0.2", timeout=20).output == b"unheard\n"
    assert heard.head == b"heard\n"
