"""The host gives up in time on parts that stop answering: each of its waits has a deadline."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.faults.conftest import MakeHost, assert_nothing_remains, remains

PATIENCE = 3.0
"""Seconds that these hosts allow for an answer."""


@pytest.mark.parametrize("victim", ["runner", "bwrap", "launcher"])
@pytest.mark.slow("it waits until silence counts as an end")
def test_a_stopped_part_is_a_failure_or_not_needed(make_host: MakeHost, victim: str) -> None:
    host = make_host(sandbox="bubblewrap", patience=PATIENCE, command_timeout=1.0)
    host.ask("reset")
    (process,) = host.find(victim)
    process.suspend()
    answer = host.step("echo alive")
    if victim == "runner":
        assert answer["over"]
        assert f"no answer to 'execute' within {1 + PATIENCE:.0f} s" in answer["failure"]["message"]
    else:
        assert answer["output"] == "alive\n"  # neither takes part in a step
    after = host.ask("reset")
    assert "output" in after or after["raised"] == "SandboxCrashed"
    assert "output" in host.ask("reset")  # by a launcher that answers
    host.leave()
    if process.is_running():
        process.send_signal(signal.SIGCONT)
    assert_nothing_remains(host)


def test_a_process_that_the_agent_stopped_is_not_waited_for(make_host: MakeHost) -> None:
    host = make_host(sandbox="bubblewrap", patience=PATIENCE, command_timeout=1.0)
    host.ask("reset")
    answer = host.step("kill -STOP $$")
    assert (answer["exit_code"], answer["failure"]) == (124, None)
    assert host.step("echo alive")["output"] == "alive\n"
    host.leave()
    assert_nothing_remains(host)


@pytest.mark.slow("it waits until silence counts as an end")
def test_a_stopped_launcher_does_not_keep_the_host_from_leaving(make_host: MakeHost) -> None:
    host = make_host(sandbox="bubblewrap", patience=PATIENCE)
    host.ask("reset")
    (launcher,) = host.find("launcher")
    launcher.suspend()
    try:
        host.leave()
    except subprocess.TimeoutExpired:
        pytest.fail("the host waits for a launcher that does not answer")
    finally:
        if launcher.is_running():
            launcher.resume()
    if remains(host, ""):  # it had to be killed, and its groups are for the next one to remove
        make_host(sandbox="bubblewrap").ask("reset")
    assert_nothing_remains(host)
