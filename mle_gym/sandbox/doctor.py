"""What this machine's sandboxes really enforce: found out by trying, never by reading settings.

Each probe does in a real sandbox what the limit forbids, and looks whether it worked.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mle_gym.errors import SandboxCrashed, SandboxUnavailable
from mle_gym.sandbox import BACKENDS, get_backend
from mle_gym.sandbox.base import Limits, Sandbox, SandboxConfig
from mle_gym.sandbox.probes import LIMITS_OF, PROBE_LIMITS, PROBES

__all__ = ["Finding", "diagnose"]

Status = Literal["enforced", "not enforced", "unavailable"]


@dataclass(frozen=True)
class Finding:
    """What one probe found."""

    backend: str
    check: str
    """``"available"``, or what is limited: ``"memory"``, ``"network"``, …"""
    status: Status
    detail: str
    """What was tried and seen."""
    advice: str = ""
    """What to do about it, if anything."""


def diagnose(
    backends: Sequence[str] = tuple(BACKENDS),
    progress: Callable[[Finding], None] = lambda finding: None,
) -> list[Finding]:
    """Try every limit of some backends.

    Args:
        backends: Their names.
        progress: Called with each finding as soon as it is known.

    Returns:
        For each backend whether it is available and, if so, one finding a limit.
    """
    findings = []
    for name in backends:
        for finding in _diagnose_one(name):
            progress(finding)
            findings.append(finding)
    return findings


def _diagnose_one(name: str) -> Iterator[Finding]:
    try:
        get_backend(name).check()
    except SandboxUnavailable as error:
        yield Finding(name, "available", "unavailable", str(error))
        return
    yield Finding(name, "available", "enforced", "a sandbox starts")
    for check, probe in PROBES.items():
        try:
            with _sandbox(name, LIMITS_OF.get(check, PROBE_LIMITS)) as sandbox:
                holds, detail = probe(sandbox)
        except SandboxUnavailable as error:
            yield Finding(name, check, "unavailable", str(error))
        except SandboxCrashed as error:
            detail = f"the sandbox did not survive: {error}"
            yield Finding(name, check, "not enforced", detail, _advice(name, check))
        else:
            status: Status = "enforced" if holds else "not enforced"
            yield Finding(name, check, status, detail, "" if holds else _advice(name, check))


@contextlib.contextmanager
def _sandbox(name: str, limits: Limits) -> Iterator[Sandbox]:
    with warnings.catch_warnings():
        # `subprocess` warns that it isolates nothing; here the findings say so.
        warnings.simplefilter("ignore", UserWarning)
        sandbox = get_backend(name).create(SandboxConfig(limits=limits))
    with sandbox:
        yield sandbox


def _advice(name: str, check: str) -> str:
    if name == "subprocess":
        return "subprocess isolates nothing by design: use bubblewrap or docker"
    if name == "bubblewrap" and check in ("cpu", "processes"):
        return (
            "let this user make control groups (run as root, or under `systemd-run --user --scope "
            "-p Delegate=yes`, or name a delegated group in MLE_GYM_CGROUP), or use docker"
        )
    return f"do not run agents that you don't trust with sandbox={name!r} on this machine"
