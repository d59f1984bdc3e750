"""What a Harbor task is called and may use, and the names that its two images agree on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import Dataset
    from mle_gym.tasks.spec import LimitSpec

__all__ = [
    "DATASET_FOLDER",
    "GRADING",
    "SETTINGS_FILE",
    "TASK_FOLDER",
    "WORKSPACE",
    "task_toml",
]

WORKSPACE = "/workspace"
"""Where the agent works, and where its submission is put for the verifier."""
GRADING = "/opt/mle-gym"
"""The folder of the verifier's image with all that it grades with."""
TASK_FOLDER, DATASET_FOLDER, SETTINGS_FILE = "task", "dataset", "settings.json"
"""What lies in it, beside this package."""

SCHEMA = "1.4"
_BUILD_SECONDS = 1800.0
_VERIFIER_SECONDS = 900.0
_VERIFIER_MB = 2048
"""The least that grading has, however little the task gives to agents."""


def task_toml(dataset: Dataset, name: str, *, network: bool) -> str:
    """The text of ``task.toml``.

    Args:
        dataset: The prepared task.
        name: The task's name in its package.
        network: Whether the agent may reach the network.
    """
    task, limits = dataset.task, dataset.task.limits
    submission = f"{WORKSPACE}/{task.submission.filename}"
    tables: dict[str, dict[str, Any]] = {
        "": {"schema_version": SCHEMA, "artifacts": [submission]},
        "task": {
            "name": f"mle-gym/{name}",
            "description": task.title,
            "keywords": ["machine-learning", task.kind, *task.tags],
        },
        "metadata": {
            "task": task.env_id,
            "variant": dataset.options.variant,
            "obfuscated": dataset.options.obfuscate,
            "dataset": dataset.digest,
        },
        "agent": {"timeout_sec": float(limits.seconds), "user": "agent"},
        "environment": _container(limits, network=network) | {"workdir": WORKSPACE},
        "verifier": {"environment_mode": "separate", "timeout_sec": _VERIFIER_SECONDS},
        "verifier.environment": _container(limits, least_mb=_VERIFIER_MB),
    }
    return "\n\n".join(_table(name, values) for name, values in tables.items()) + "\n"


def _container(limits: LimitSpec, *, network: bool = False, least_mb: int = 0) -> dict[str, Any]:
    """What the task's or the verifier's container may use."""
    return {
        "network_mode": "public" if network else "no-network",
        "memory_mb": max(limits.memory_mb, least_mb),
        "storage_mb": max(limits.disk_mb, least_mb),
        "cpus": limits.cpus,
        "build_timeout_sec": _BUILD_SECONDS,
    }


def _table(name: str, values: dict[str, Any]) -> str:
    """A table of TOML. Strings, numbers and lists of them are written there as in JSON."""
    head = [f"[{name}]"] if name else []
    lines = (f"{key} = {json.dumps(value)}" for key, value in values.items())
    return "\n".join([*head, *lines])
