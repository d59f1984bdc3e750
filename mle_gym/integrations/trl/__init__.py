"""GRPO on mle-gym's tasks with TRL: environments, datasets, and a trainer with parallel tools.

    from mle_gym.integrations.trl import ParallelToolsTrainer, dataset, environment_class

    trainer = ParallelToolsTrainer(
        model="Qwen/Qwen3-4B",
        train_dataset=dataset("micro", 256),
        environment_factory=environment_class(reward="anchored", max_steps=20),
    )
    trainer.train()

It requires ``pip install "mle-gym[trl]"``. :func:`environment_class` works without TRL.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mle_gym.integrations.trl.episode_log import EpisodeLog
    from mle_gym.integrations.trl.parallel_tools import HealthCallback, ParallelToolsTrainer
    from mle_gym.integrations.trl.suite_dataset import dataset
    from mle_gym.integrations.trl.tool_environment import ToolEnvironment, environment_class

__all__ = [
    "EpisodeLog",
    "HealthCallback",
    "ParallelToolsTrainer",
    "ToolEnvironment",
    "dataset",
    "environment_class",
]

_SOURCES = {
    "EpisodeLog": "episode_log",
    "HealthCallback": "parallel_tools",
    "ParallelToolsTrainer": "parallel_tools",
    "ToolEnvironment": "tool_environment",
    "dataset": "suite_dataset",
    "environment_class": "tool_environment",
}


def __getattr__(name: str) -> Any:
    if name not in _SOURCES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_SOURCES[name]}"), name)
