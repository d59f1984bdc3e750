"""The conditions under which another benchmark's results are made, by the benchmark's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["CONDITIONS", "Conditions", "ConditionsName"]

ConditionsName = Literal["mle-bench"]


@dataclass(frozen=True)
class Conditions:
    """What an episode may spend, the machine that it has, and what it may ask."""

    steps: int
    seconds: float
    """Wall clock, the agent's thinking included."""
    cpus: float
    memory_mb: int
    gpus: int
    feedback: Literal["none", "validate", "score"]


CONDITIONS: Mapping[str, Conditions] = {
    "mle-bench": Conditions(
        steps=500,
        seconds=24 * 3600.0,
        cpus=36,
        memory_mb=440 * 1024,
        gpus=1,
        feedback="validate",
    ),
}
"""MLE-bench: the setup that the section *Benchmarking* of its README recommends, and the step limit
of its agents' configurations. Its server tells agents whether a file is valid, and no score."""
