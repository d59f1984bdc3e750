"""The doctor finds limits that bite and, as important, those that don't."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox.backends import get_backend
from mle_gym.sandbox.bubblewrap import python_mounts
from mle_gym.sandbox.doctor import diagnose as doctor
from mle_gym.sandbox.doctor.diagnose import Diagnosis, diagnose
from mle_gym.sandbox.warm import compiled_programs, zygote_plan
from tests.sandbox.docker_daemon import require

ALL = {
    "available", "memory", "processes", "disk", "cpu", "output", "network", "timeout", "answers",
    "user", "system calls", "kernel settings", "other processes", "namespaces", "warm Python",
}  # fmt: skip


HOLDS = ("enforced", "works")


def by_check(diagnoses: list[Diagnosis]) -> dict[str, Diagnosis]:
    return {diagnosis.check: diagnosis for diagnosis in diagnoses}


@pytest.mark.slow("it tries all that is forbidden")
def test_no_isolation_is_noticed() -> None:
    found = by_check(diagnose(["subprocess"]))
    assert set(found) == ALL
    broken = {check for check, diagnosis in found.items() if diagnosis.status == "not enforced"}
    as_root = {"user", "kernel settings", "namespaces"}
    assert broken - as_root == {
        "processes", "disk", "cpu", "network", "answers", "system calls", "other processes"
    }  # fmt: skip
    assert all("bubblewrap" in found[check].advice for check in broken)
    assert found["memory"].status == found["timeout"].status == "enforced"
    assert "home folder" in found["answers"].detail
    assert "has no warm Python" in found["warm Python"].detail


@pytest.mark.bubblewrap
def test_bubblewrap_isolates() -> None:
    try:
        get_backend("bubblewrap").check()
    except SandboxUnavailable as error:
        require("bubblewrap", str(error))
    found = by_check(diagnose(["bubblewrap"]))
    assert set(found) == ALL
    # What needs control groups that this user may not be able to make is reported, not required.
    broken = {check: f.detail for check, f in found.items() if f.status not in HOLDS}
    assert set(broken) <= {"cpu"}, broken
    assert all(found[check].advice for check in broken)
    assert found["warm Python"].status == "works"
    assert "pandas" in found["available"].detail


@pytest.mark.docker
def test_docker_enforces_everything(docker_host: str) -> None:
    seen: list[Diagnosis] = []
    diagnoses = diagnose(["docker"], seen.append)
    assert seen == diagnoses
    assert {diagnosis.check for diagnosis in diagnoses} == ALL
    assert not [diagnosis for diagnosis in diagnoses if diagnosis.status not in HOLDS]


def test_an_absent_backend_is_unavailable_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    (diagnosis,) = diagnose(["docker"])
    assert (diagnosis.check, diagnosis.status) == ("available", "unavailable")
    assert "systemctl start docker" in diagnosis.detail


@pytest.fixture
def nothing_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache without the programs of warm Python, and a doctor that tries nothing else."""
    monkeypatch.setattr(doctor, "PROBES", {})
    monkeypatch.setenv("MLE_GYM_CACHE", str(tmp_path / "cache"))
    compiled_programs._compiled.cache_clear()
    yield tmp_path / "cache"
    compiled_programs._compiled.cache_clear()


def test_no_compiler_is_why_python_is_cold(
    nothing_compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (zygote_plan, compiled_programs):
        monkeypatch.setattr(module, "COMPILERS", ("no-such-compiler",))
    diagnosis = doctor._warmth("bubblewrap")
    assert (diagnosis.check, diagnosis.status) == ("warm Python", "unavailable")
    assert "no C compiler is installed: none of no-such-compiler" in diagnosis.detail
    assert "gcc" in diagnosis.advice


def test_a_broken_compiler_is_why_python_is_cold(
    nothing_compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (zygote_plan, compiled_programs):
        monkeypatch.setattr(module, "COMPILERS", ("false",))
    assert "could not compile" in doctor._warmth("bubblewrap").detail


def test_a_cache_that_can_t_be_written_is_why_python_is_cold(nothing_compiled: Path) -> None:
    nothing_compiled.write_text("not a folder")
    detail = doctor._warmth("docker").detail
    assert f"no program can be kept in {nothing_compiled}/programs: " in detail
    assert detail.endswith(("Not a directory", "File exists")), detail


def test_an_unknown_version_is_why_python_is_cold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote_plan, "NEWEST", (3, 9))
    monkeypatch.setattr(zygote_plan, "OLDEST", (3, 8))
    detail = doctor._warmth("bubblewrap").detail
    assert "is not one of those that were tried, 3.8 to 3.9" in detail


@pytest.mark.bubblewrap
def test_a_zygote_that_may_not_enter_is_why_python_is_cold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    try:
        get_backend("bubblewrap").check()
    except SandboxUnavailable as error:
        require("bubblewrap", str(error))
    monkeypatch.setattr(doctor, "_WARM_SECONDS", 1.0)
    sleeps = ["/bin/sh", "-c", "exec sleep 60"]
    monkeypatch.setattr(zygote_plan, "zygote_command", lambda *_: sleeps)
    python_mounts._python_mounts.cache_clear()
    diagnosis = doctor._warmth("bubblewrap")
    python_mounts._python_mounts.cache_clear()
    assert diagnosis.status == "unavailable"
    assert "no zygote serves; perhaps this user may not enter" in diagnosis.detail
