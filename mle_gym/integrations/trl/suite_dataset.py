"""Datasets of prompts for TRL, each of which is an instance of a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    import datasets
except ImportError:
    datasets = None

from mle_gym.chat.conversation import CALL_TOOLS, SYSTEM
from mle_gym.curricula.sampling import sample_task
from mle_gym.datasets.dataset import Size

__all__ = ["dataset"]

PROMPT = (
    {"role": "system", "content": f"{SYSTEM}\n\n{CALL_TOOLS}"},
    {"role": "user", "content": ""},  # to which the environment's reset appends the brief
)


def dataset(
    suite: str = "micro",
    n: int = 256,
    *,
    seed: int = 0,
    variant: int | str = "train",
    sizes: Sequence[Size] | None = None,
    difficulties: tuple[float, float] = (0.0, 1.0),
) -> Any:
    """A ``datasets.Dataset`` of instances that are drawn from a suite.

    Its columns are ``prompt``, ``task``, ``variant``, ``size`` and ``difficulty`` (None for tasks
    that aren't generated). All rollouts of a row play the same instance, as GRPO requires.

    Args:
        suite: ``mle-gym list --suite`` names them. Held-out families are never drawn for training.
        n: How many.
        seed: Of the draws.
        variant: From what the variants are drawn.
        sizes: Which sizes a generated task may have; by default the suite's own.
        difficulties: The lowest and the highest difficulty that it may have.

    Raises:
        ModuleNotFoundError: The package ``datasets`` isn't installed.
        TaskError: There is no such suite.
        ValueError: The variant isn't valid.
    """
    if datasets is None:
        raise ModuleNotFoundError('datasets of prompts require: pip install "mle-gym[trl]"')
    rng = np.random.default_rng(seed)
    drawn = [
        sample_task(rng, suite, variant=variant, sizes=sizes, difficulties=difficulties)
        for _ in range(n)
    ]
    names = ("task", "variant", "size", "difficulty")
    return datasets.Dataset.from_list(
        [{"prompt": list(PROMPT), **{name: row.get(name) for name in names}} for row in drawn]
    )
