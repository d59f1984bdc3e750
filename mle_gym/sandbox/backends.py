"""A backend by its name, and what ``auto`` picks."""

from __future__ import annotations

import functools
from importlib import import_module
from importlib.metadata import entry_points

from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox.protocol import Backend, Sandbox, Shown
from mle_gym.sandbox.sandbox_config import SandboxConfig as SandboxConfig

__all__ = ["BACKENDS", "backend_names", "create", "get_backend", "shown"]

BACKENDS = {
    "bubblewrap": "mle_gym.sandbox.bubblewrap.backend:BubblewrapBackend",
    "docker": "mle_gym.sandbox.docker.backend:DockerBackend",
    "subprocess": "mle_gym.sandbox.subprocess:SubprocessBackend",
}


_AUTOMATIC = ("bubblewrap", "docker")
"""What ``auto`` tries, in order. It never falls back to no isolation."""


def backend_names() -> list[str]:
    """Every name that ``sandbox=`` accepts, including those of other packages."""
    others = [entry.name for entry in entry_points(group="mle_gym.sandboxes")]
    return ["auto", *BACKENDS, *others]


def get_backend(name: str = "auto") -> Backend:
    """Get a backend by its name.

    Args:
        name: One of :func:`backend_names`.

    Raises:
        ValueError: No backend has that name.
        SandboxUnavailable: ``auto``, and none can run here; says what to install.
    """
    return _automatic() if name == "auto" else _load(name)


def create(name: str = "auto", config: SandboxConfig | None = None) -> Sandbox:
    """Start a sandbox.

    Args:
        name: One of :func:`backend_names`.
        config: Limits, mounts, masks; the default is an empty :class:`SandboxConfig`.

    Raises:
        SandboxUnavailable: The backend can't run here.
        SandboxCrashed: It could not be started this time.
    """
    return get_backend(name).create(config or SandboxConfig())


def shown(name: str, config: SandboxConfig) -> Shown:
    """Report which of Python's packages the sandboxes of a backend show.

    Args:
        name: One of :func:`backend_names`.
        config: The configuration of the sandboxes.

    Raises:
        SandboxUnavailable: The backend can't run here, or an added package is not installed.
    """
    backend = get_backend(name)
    # Backends of other packages may be older than this method.
    return backend.shown(config) if hasattr(backend, "shown") else Shown()


@functools.cache
def _load(name: str) -> Backend:
    target = BACKENDS.get(name)
    if target is not None:
        module, _, attribute = target.partition(":")
        backend: Backend = getattr(import_module(module), attribute)()
        return backend
    for entry in entry_points(group="mle_gym.sandboxes"):
        if entry.name == name:
            other: Backend = entry.load()()
            return other
    raise ValueError(f"sandbox={name!r} is unknown; expected one of {', '.join(backend_names())}")


@functools.cache
def _automatic() -> Backend:
    reasons = []
    for name in _AUTOMATIC:
        backend = _load(name)
        try:
            backend.check()
        except SandboxUnavailable as error:
            reasons.append(f"{name}: {error}")
        else:
            return backend
    raise SandboxUnavailable(
        "no isolating sandbox can run here.\n  " + "\n  ".join(reasons) + "\n"
        "For code you trust, sandbox='subprocess' runs without isolation."
    )
