"""The doctor finds limits that bite and, as important, those that don't."""

from __future__ import annotations

import pytest

from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox import get_backend
from mle_gym.sandbox.doctor import Finding, diagnose
from tests.sandbox.docker_daemon import require

ALL = {
    "available", "memory", "processes", "disk", "cpu", "output", "network", "timeout", "answers",
    "user", "system calls", "kernel settings", "other processes", "namespaces",
}  # fmt: skip


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def test_no_isolation_is_noticed() -> None:
    found = by_check(diagnose(["subprocess"]))
    assert set(found) == ALL
    broken = {check for check, finding in found.items() if finding.status == "not enforced"}
    as_root = {"user", "kernel settings", "namespaces"}
    assert broken - as_root == {
        "processes", "disk", "cpu", "network", "answers", "system calls", "other processes"
    }  # fmt: skip
    assert all("bubblewrap" in found[check].advice for check in broken)
    assert found["memory"].status == found["timeout"].status == "enforced"
    assert "home folder" in found["answers"].detail


@pytest.mark.bubblewrap
def test_bubblewrap_isolates() -> None:
    try:
        get_backend("bubblewrap").check()
    except SandboxUnavailable as error:
        require("bubblewrap", str(error))
    found = by_check(diagnose(["bubblewrap"]))
    assert set(found) == ALL
    # What needs control groups that this user may not be able to make is reported, not required.
    broken = {check: f.detail for check, f in found.items() if f.status != "enforced"}
    assert set(broken) <= {"cpu"}, broken
    assert all(found[check].advice for check in broken)


@pytest.mark.docker
def test_docker_enforces_everything(docker_host: str) -> None:
    seen: list[Finding] = []
    findings = diagnose(["docker"], seen.append)
    assert seen == findings
    assert {finding.check for finding in findings} == ALL
    assert not [finding for finding in findings if finding.status != "enforced"]


def test_an_absent_backend_is_unavailable_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    (finding,) = diagnose(["docker"])
    assert (finding.check, finding.status) == ("available", "unavailable")
    assert "systemctl start docker" in finding.detail
