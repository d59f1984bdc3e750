"""The doctor notices a limit without effect: each is switched off, and its probe must fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mle_gym.errors import SandboxUnavailable
from mle_gym.paths import PACKAGE
from mle_gym.sandbox import Execution, Sandbox, SandboxConfig
from mle_gym.sandbox.backends import get_backend
from mle_gym.sandbox.bubblewrap import backend
from mle_gym.sandbox.doctor.limit_probes import LIMITS_OF, PROBE_LIMITS, PROBES
from mle_gym.sandbox.installation.python_installation import PythonInstallation
from tests.sandbox.conftest import eventually, start
from tests.sandbox.docker_daemon import require
from tests.security.arena import weakened
from tests.tiers import few_quick

LARGE = {
    "memory": {"memory_mb": 2048},
    "processes": {"processes": 1000},
    "disk": {"disk_mb": 256},
    "cpu": {"cpus": 2.0},
    "output": {"output_bytes": 2_000_000},
}
"""By probe, limits far above the ones that it believes in."""

WEAK = {
    "network": "with network",
    "system calls": "without filter",
    "namespaces": "with user namespaces",
}
"""By probe, the defence that it should miss."""


@pytest.fixture(autouse=True)
def _needs_bubblewrap() -> None:
    try:
        get_backend("bubblewrap").check()
    except SandboxUnavailable as error:
        require("bubblewrap", str(error))


def holds(check: str, sandbox: Sandbox) -> bool:
    with sandbox:
        return PROBES[check](sandbox)[0]


@pytest.mark.parametrize(
    "check",
    few_quick(sorted(LARGE), set(LARGE) - {"cpu"}, "it tries eight times for a whole processor"),
)
def test_a_limit_that_is_too_large(check: str) -> None:
    limits = replace(LIMITS_OF.get(check, PROBE_LIMITS), **LARGE[check])
    config = SandboxConfig(limits=limits, warm=False)
    # On a busy machine, a program may not even get its small share.
    tries = 8 if check == "cpu" else 1
    assert not all(holds(check, start("bubblewrap", config)) for _ in range(tries))


@pytest.mark.parametrize("check", sorted(WEAK))
def test_a_defence_that_is_missing(check: str) -> None:
    with weakened(WEAK[check]):
        sandbox = start("bubblewrap", SandboxConfig(limits=PROBE_LIMITS, warm=False))
    assert not holds(check, sandbox)


@pytest.mark.parametrize("check", ["kernel settings", "other processes", "answers"])
def test_no_isolation(check: str) -> None:
    sandbox = start("subprocess", SandboxConfig(limits=PROBE_LIMITS))
    if check == "kernel settings" and sandbox.execute("id -u", timeout=9).output != b"0\n":
        pytest.skip("takes root")
    assert not holds(check, sandbox)


def test_capabilities_that_were_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    complete = backend.bwrap_arguments
    monkeypatch.setattr(
        backend, "bwrap_arguments", lambda *given: [*complete(*given), "--cap-add", "ALL"]
    )
    config = SandboxConfig(limits=PROBE_LIMITS, warm=False)
    assert not holds("user", start("bubblewrap", config))


def test_masks_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the package among what is mounted, only the mask hides it."""
    complete = backend.bwrap_arguments
    monkeypatch.setattr(PythonInstallation, "masked", lambda self, hidden, packages: ())
    monkeypatch.setattr(
        backend,
        "bwrap_arguments",
        lambda *given: [*complete(*given), "--ro-bind", {"source": str(PACKAGE)}, str(PACKAGE)],
    )
    config = SandboxConfig(limits=PROBE_LIMITS, warm=False)
    assert not holds("answers", start("bubblewrap", config))


class _Patient:
    """A sandbox that gives commands more time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)

    def execute(self, command: str, *, timeout: float) -> Execution:
        if timeout >= 1:
            return self._sandbox.execute(command, timeout=timeout)
        execution = self._sandbox.execute(f"({command}) >/dev/null 2>&1 &", timeout=10)
        running = "grep -qx sleep /proc/[0-9]*/comm"
        assert eventually(lambda: self._sandbox.execute(running, timeout=10).exit_code == 0)
        return execution


def test_a_timeout_that_ends_nothing() -> None:
    with start("bubblewrap", SandboxConfig(limits=PROBE_LIMITS, warm=False)) as sandbox:
        kept, seen = PROBES["timeout"](_Patient(sandbox))  # type: ignore[arg-type]
    assert not kept
    assert "left 0 processes" not in seen


def test_every_probe_is_shown_to_notice() -> None:
    others = {"kernel settings", "other processes", "answers", "user", "timeout"}
    assert set(PROBES) == LARGE.keys() | WEAK.keys() | others
