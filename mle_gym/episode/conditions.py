"""Plays an episode under another benchmark's conditions, as far as this machine allows.

The conditions stand in place of the task's own limits. Arguments that are given still win. Whatever
differs from the conditions in the end, for either reason, is a departure, which the record names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mle_gym.sandbox import machine
from mle_gym.tasks.benchmark_conditions import CONDITIONS, Conditions

if TYPE_CHECKING:
    from mle_gym.tasks.spec import LimitSpec

__all__ = ["conditions_line", "conditions_of", "limits_of"]

HOST_SHARE = 0.1
"""The share of the memory that is left to the host, which would otherwise be ended for lack of it
before any sandbox is."""


def limits_of(spec: LimitSpec, conditions: Conditions | None) -> dict[str, Any]:
    """The sandbox's limits under the conditions, or the task's own."""
    if conditions is None:
        return {"memory_mb": spec.memory_mb, "cpus": spec.cpus, "disk_mb": spec.disk_mb}
    most_mb = int(machine.memory_mb() * (1 - HOST_SHARE))
    return {
        "memory_mb": min(conditions.memory_mb, most_mb),
        "cpus": min(conditions.cpus, machine.processors()),
        "disk_mb": spec.disk_mb,
    }


def conditions_of(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The name of the conditions, and the ``departures``: what they say and what is the case.

    Args:
        settings: An environment's, as plain data, such as those in the header of a trajectory.

    Returns:
        None if the settings name no conditions.
    """
    name = str(settings.get("conditions"))
    wanted = CONDITIONS.get(name)
    if wanted is None:
        return None
    limits = settings["limits"]
    pairs = {
        "max_steps": (wanted.steps, settings["max_steps"]),
        "time_limit": (wanted.seconds, settings.get("time_limit")),
        "clock": ("wall", settings.get("clock")),
        "feedback": (wanted.feedback, settings["feedback"]),
        "cpus": (wanted.cpus, limits.get("cpus")),
        "memory_mb": (wanted.memory_mb, limits.get("memory_mb")),
        "gpus": (wanted.gpus, len(settings.get("gpus") or ())),
    }
    differing = {
        each: {"expected": expected, "found": found}
        for each, (expected, found) in pairs.items()
        if expected != found
    }
    return {"name": name, "departures": differing}


def conditions_line(settings: Mapping[str, Any]) -> str:
    """``mle-bench, but cpus 2 instead of 36, gpus 0 instead of 1``; empty without conditions."""
    conditions = conditions_of(settings)
    if conditions is None:
        return ""
    differing = ", ".join(
        f"{name} {_value(each['found'])} instead of {_value(each['expected'])}"
        for name, each in conditions["departures"].items()
    )
    return f"{conditions['name']}, but {differing}" if differing else str(conditions["name"])


def _value(value: Any) -> str:
    return f"{value:,.12g}" if isinstance(value, int | float) else str(value)
