"""Finds out what this machine's sandboxes enforce, by trying and never by reading settings.

Each probe does in a real sandbox what a limit forbids, and checks whether it worked.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mle_gym.errors import SandboxCrashed, SandboxUnavailable
from mle_gym.sandbox.backends import BACKENDS, get_backend, shown
from mle_gym.sandbox.doctor.limit_probes import LIMITS_OF, PROBE_LIMITS, PROBES
from mle_gym.sandbox.installation.python_installation import describe_python
from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.protocol import Sandbox
from mle_gym.sandbox.sandbox_config import SandboxConfig
from mle_gym.sandbox.warm.zygote_plan import OLDEST, obstacle

__all__ = ["Diagnosis", "diagnose"]

Status = Literal["enforced", "not enforced", "works", "unavailable"]

_PRELOADED = "colorsys"
"""A module that Python does not import by itself, and that costs nothing to import."""
_IS_WARM = f"""python -c 'import sys; sys.exit("{_PRELOADED}" not in sys.modules)'"""
_WARM_SECONDS = 20.0
_UNKNOWN_OBSTACLE = {
    "bubblewrap": "no zygote serves; perhaps this user may not enter its sandboxes' namespaces",
    "docker": "no zygote serves; perhaps the image's Python is no known version",
}
"""The likely reason if Python stays cold in a sandbox and nothing else explains it."""


@dataclass(frozen=True)
class Diagnosis:
    """What one probe found."""

    backend: str
    check: str
    """``"available"``, ``"warm Python"``, or what is limited: ``"memory"``, ``"network"``, …"""
    status: Status
    detail: str
    """What was tried and seen."""
    advice: str = ""
    """What to do about it, if anything."""


def diagnose(
    backends: Sequence[str] = tuple(BACKENDS),
    progress: Callable[[Diagnosis], None] = lambda diagnosis: None,
) -> list[Diagnosis]:
    """Try every limit of some backends.

    Args:
        backends: Their names.
        progress: Called with each diagnosis as soon as it is known.

    Returns:
        For each backend whether it is available and, if so, one diagnosis for each limit, and
        whether Python is warm.
    """
    diagnoses = []
    for name in backends:
        for diagnosis in _diagnose_one(name):
            progress(diagnosis)
            diagnoses.append(diagnosis)
    return diagnoses


def _diagnose_one(name: str) -> Iterator[Diagnosis]:
    try:
        get_backend(name).check()
    except SandboxUnavailable as error:
        yield Diagnosis(name, "available", "unavailable", str(error))
        return
    packages = ", ".join(dict(shown(name, SandboxConfig()).packages)) or "all that is installed"
    detail = f"a sandbox starts, and shows {packages}"
    yield Diagnosis(name, "available", "enforced", detail)
    for check, probe in PROBES.items():
        try:
            with _sandbox(name, LIMITS_OF.get(check, PROBE_LIMITS)) as sandbox:
                holds, detail = probe(sandbox)
        except SandboxUnavailable as error:
            yield Diagnosis(name, check, "unavailable", str(error))
        except SandboxCrashed as error:
            detail = f"the sandbox did not survive: {error}"
            yield Diagnosis(name, check, "not enforced", detail, _advice(name, check))
        else:
            status: Status = "enforced" if holds else "not enforced"
            yield Diagnosis(name, check, status, detail, "" if holds else _advice(name, check))
    yield _warmth(name)


def _warmth(name: str) -> Diagnosis:
    """Whether programs have the modules that only a zygote has imported, and if not, why."""
    started = time.monotonic()
    try:
        reason = _known_obstacle(name)
        if not reason:
            with _sandbox(name, Limits(), preload=(_PRELOADED,)) as sandbox:
                while sandbox.execute(_IS_WARM, timeout=_WARM_SECONDS).exit_code != 0:
                    if time.monotonic() - started > _WARM_SECONDS:
                        reason = _UNKNOWN_OBSTACLE[name]
                        break
                    time.sleep(0.05)
    except (SandboxCrashed, SandboxUnavailable) as error:
        reason = str(error)
    if not reason:
        detail = "a program found imported what it had not imported itself"
        return Diagnosis(name, "warm Python", "works", detail)
    advice = "install a C compiler (apt-get install gcc) for warm Python"
    return Diagnosis(
        name, "warm Python", "unavailable", f"Python starts cold: {reason}",
        advice if "C compiler is" in reason else "",
    )  # fmt: skip


def _known_obstacle(name: str) -> str:
    if name not in _UNKNOWN_OBSTACLE:
        return f"{name!r} has no warm Python"
    # The version of the image's Python is not known here, so assume one that works.
    return obstacle(OLDEST if name == "docker" else describe_python(None).version)


@contextlib.contextmanager
def _sandbox(name: str, limits: Limits, **options: Any) -> Iterator[Sandbox]:
    with warnings.catch_warnings():
        # `subprocess` warns that it isolates nothing; here the diagnoses say so.
        warnings.simplefilter("ignore", UserWarning)
        sandbox = get_backend(name).create(SandboxConfig(limits=limits, **options))
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
