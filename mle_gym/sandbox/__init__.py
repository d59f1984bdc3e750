"""Where an episode's commands run: one protocol, several backends, nothing of tasks or grading."""

from __future__ import annotations

from mle_gym.sandbox.backends import BACKENDS, backend_names, create, get_backend, shown
from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.protocol import Backend, Execution, Files, Reply, Request, Sandbox, Shown
from mle_gym.sandbox.sandbox_config import InsideCommand, Mount, SandboxConfig
from mle_gym.sandbox.standalone.shared.packed_files import pack_files, unpack_files

__all__ = [
    "BACKENDS",
    "Backend",
    "Execution",
    "Files",
    "InsideCommand",
    "Limits",
    "Mount",
    "Reply",
    "Request",
    "Sandbox",
    "SandboxConfig",
    "Shown",
    "backend_names",
    "create",
    "get_backend",
    "pack_files",
    "shown",
    "unpack_files",
]
