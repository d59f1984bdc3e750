"""After any kill, the episode ends with a reason, the next one works, and nothing remains."""

from __future__ import annotations

import random
import signal
import time

import psutil
import pytest

from tests.faults.conftest import Host, MakeHost, assert_nothing_remains
from tests.sandbox.conftest import eventually
from tests.tiers import few_quick

MOMENTS = {
    "idle": ("step", "true"),
    "command": ("step", "echo $$ > started; sleep 600"),
    "background": ("step", "sleep 300 & setsid sleep 300 & true"),
    "submission": ("step", "head -c 40M /dev/zero > submission.csv; submit"),
    "snapshot": ("snapshot", None),
}
"""The commands during which something is killed."""


@pytest.mark.parametrize(
    ("victim", "moment"),
    few_quick(
        [
            *(("runner", moment) for moment in MOMENTS),
            *(
                (victim, moment)
                for victim in ("bwrap", "launcher")
                for moment in ("idle", "command")
            ),
        ],
        [("runner", "idle")],
        "each case starts a host and looks for what is left",
    ),
)
def test_a_killed_part_of_the_sandbox_is_a_failure(
    make_host: MakeHost, victim: str, moment: str
) -> None:
    # A zygote needs seconds to start, so the cases with a running command test it.
    host = make_host(sandbox="bubblewrap", warm=moment == "command")
    host.ask("reset")
    (process,) = host.find(victim)
    if moment in ("command", "submission", "snapshot"):
        host.tell(*MOMENTS[moment])
        time.sleep(0.05)
        process.kill()
        answer = host.answer()
    else:
        host.ask(*MOMENTS[moment])
        (runner,) = host.find("runner")
        process.kill()
        assert eventually(lambda: not runner.is_running())  # it ends with its parents
        answer = host.step("true")
    if moment == "submission" and answer.get("grade"):
        assert answer["over"]  # it was submitted before
    elif moment == "snapshot":
        assert answer == {} or "Sandbox" in answer["raised"]
    else:
        assert answer["over"]
        assert "the bubblewrap sandbox died" in answer["failure"]["message"]
        assert (answer["failure"]["kind"], answer["failure"]["stage"]) == ("sandbox_died", "step")
        assert (answer["grade"], answer["reward"]) == (None, 0.0)
    goes_on(host)
    assert_nothing_remains(host)


@pytest.mark.parametrize("moment", ["idle", "command"])
@pytest.mark.slow("each case starts a host and looks for what is left")
def test_a_killed_zygote_is_not_noticed_by_the_episode(make_host: MakeHost, moment: str) -> None:
    host = make_host(sandbox="bubblewrap", preload=["json"])
    host.ask("reset")
    assert eventually(lambda: bool(host.find("zygote")))
    host.tell("step", "sleep 0.3; python -c 'print(6 * 7)'" if moment == "command" else "true")
    time.sleep(0.1)
    for process in host.find("zygote"):
        process.kill()
    assert host.answer()["failure"] is None
    assert host.step("python -c 'print(6 * 7)'")["output"] == "42\n"
    goes_on(host)
    assert_nothing_remains(host)


@pytest.mark.parametrize(
    ("number", "moment"),
    [*((signal.SIGKILL, moment) for moment in MOMENTS), (signal.SIGTERM, "command")],
)
@pytest.mark.slow("each case starts a host and looks for what is left")
def test_nothing_outlives_a_killed_host(
    make_host: MakeHost, moment: str, number: signal.Signals, isolating_backend: str
) -> None:
    host = make_host(sandbox=isolating_backend)
    host.ask("reset")
    if moment in ("command", "submission", "snapshot"):
        host.tell(*MOMENTS[moment])
        time.sleep(0.05)
    else:
        host.ask(*MOMENTS[moment])
    host.look()
    host.signal(number)
    host.wait()
    assert_nothing_remains(host, isolating_backend)


@pytest.mark.slow("it starts hosts and kills them")
def test_a_launcher_that_dies_while_it_starts_sandboxes_leaves_none(make_host: MakeHost) -> None:
    """At every moment of a start, above all between its fork and bubblewrap's own precautions."""
    # One that dies in the middle may leave a stream that nobody answers and nobody closes.
    host = make_host(sandbox="bubblewrap", warm=False, patience=10.0)
    host.ask("reset")
    moments = random.Random(0)
    for _ in range(25):
        (launcher,) = host.find("launcher")
        host.tell("reset")
        end = time.monotonic() + moments.uniform(0, 0.05)
        while time.monotonic() < end:
            host.look()
        launcher.kill()
        answer = host.answer()
        assert "output" in answer or answer["raised"] == "SandboxCrashed", answer
        host.ask("reset")
    goes_on(host)
    assert_nothing_remains(host)


def goes_on(host: Host) -> None:
    """The next episode works as if nothing had happened, and then the host ends."""
    assert "zoo" in host.ask("reset")["output"].lower()
    assert host.step("cp data/sample_submission.csv submission.csv; submit")["grade"]["valid"]
    host.leave()
    assert not [p for p in host.seen if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] or (
        eventually(lambda: not any(p.is_running() for p in host.seen))
    )
