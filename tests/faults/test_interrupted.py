"""Ctrl-C at any moment: an exception, never a hang, and the same host plays on."""

from __future__ import annotations

import random
import signal
import time

import pytest

from tests.faults.conftest import Host, MakeHost, assert_nothing_remains

ORDERS = [
    ("reset", None),
    ("step", "sleep 0.05; echo done"),
    ("step", {"tool": "write_file", "path": "notes.txt", "content": "n" * 100_000}),
    ("step", "cp data/sample_submission.csv submission.csv; submit"),
    ("reset", None),
    ("snapshot", None),
]


@pytest.mark.slow("a storm lasts")
def test_a_storm_of_interrupts(make_host: MakeHost, isolating_backend: str) -> None:
    host = make_host(sandbox=isolating_backend)
    host.ask("reset")
    moments = random.Random(0)
    interrupted = 0
    for _ in range(5):
        for order, argument in ORDERS:
            host.tell(order, argument)
            time.sleep(moments.expovariate(1 / 0.02))
            host.signal(signal.SIGINT)
            interrupted += settle(host)
    assert interrupted > 3  # otherwise this test would show nothing
    assert "zoo" in host.ask("reset")["output"].lower()
    answer = host.step("cp data/sample_submission.csv submission.csv; submit")
    assert answer["grade"]["valid"]
    host.leave()
    assert_nothing_remains(host, isolating_backend)


def settle(host: Host) -> bool:
    """Whether the last command was interrupted. If it was not, its answer must be right."""
    answer = host.answer()
    raised = answer.get("raised", "")
    assert raised in ("", "KeyboardInterrupt", "ResetNeeded", "SandboxCrashed"), answer
    return raised == "KeyboardInterrupt"
