"""A task for Inspect for each task of ours, registered as ``mle_gym/NAME``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Unpack

from inspect_ai import Task, task
from inspect_ai.agent import react
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.tool import bash, python

from mle_gym.datasets.dataset import Size
from mle_gym.datasets.prepare import prepare
from mle_gym.episode.arguments import Arguments, Feedback
from mle_gym.episode.episode_start import make_brief
from mle_gym.episode.settings import Settings
from mle_gym.episode.variants import check_variant, parse_variant
from mle_gym.integrations.inspect.scorer import mle_gym_scorer
from mle_gym.tasks.catalog import load_task, task_folders
from mle_gym.tasks.spec import TaskSpec

__all__ = ["inspect_task", "register_tasks"]

_RANGE = re.compile(r"(-?\d+)-(-?\d+)")

_CLOSING = """
Here, `bash` and `python` are the tools to work with, and each call starts in the workspace. To hand
in, leave `{file}` there and end with the tool `submit`: its answer is not read.
"""


def inspect_task(name: str, variants: int | str = 0, **arguments: Unpack[Arguments]) -> Task:
    """Make Inspect's task of one of ours: a sample for each variant.

    Args:
        name: The task's name.
        variants: A variant, or a range of them such as ``"1-20"``.
        arguments: Those of :class:`mle_gym.MLEEnv`, such as ``feedback="score"``.

    Raises:
        TaskError: There is no such task.
        TypeError, ValueError: An argument is unknown or not valid.
        DatasetError: The data can't be prepared.
    """
    spec = load_task(name)
    chosen: dict[str, Any] = {"reward": "score", **arguments}
    settings = Settings.check(spec, chosen)
    samples = [_sample(spec, settings, chosen, variant) for variant in _numbers(variants)]
    timeout = int(settings.default_timeout)
    return Task(
        dataset=MemoryDataset(samples, name=spec.id),
        solver=react(tools=[bash(timeout=timeout), python(timeout=timeout)]),
        scorer=mle_gym_scorer(),
        sandbox="mle_gym",
        time_limit=int(settings.time_limit),
        message_limit=2 * settings.max_steps + 2,
        version=spec.version,
    )


def _sample(spec: TaskSpec, settings: Settings, arguments: dict[str, Any], variant: int) -> Sample:
    """What Inspect asks the model, and what our sandbox needs to know to set up its data."""
    dataset = prepare(spec, settings.dataset_options(variant))
    text = make_brief(dataset, settings) + _CLOSING.format(file=spec.submission.filename)
    # Inspect's sandboxes get a sample's metadata as strings.
    metadata = {"task": spec.id, "variant": str(variant), "arguments": json.dumps(arguments)}
    return Sample(text, id=f"{spec.id}-{variant}", metadata=metadata)


def register_tasks() -> None:
    """Register every task in the catalog with Inspect."""
    for name in task_folders():
        task(name=name)(_maker(name))


def _maker(name: str) -> Callable[..., Task]:
    # Inspect offers these parameters on its command line (``-T variants=1-20``), with these types.
    def make(
        variants: int | str = 0,
        size: Size = "small",
        difficulty: float = 0.5,
        obfuscate: bool = False,
        feedback: Feedback = "validate",
        reward: str = "score",
        sandbox: str = "auto",
    ) -> Task:
        return inspect_task(
            name,
            variants,
            size=size,
            difficulty=difficulty,
            obfuscate=obfuscate,
            feedback=feedback,
            reward=reward,
            sandbox=sandbox,
        )

    make.__module__ = "mle_gym.integrations.inspect.tasks"
    return make


def _numbers(variants: int | str) -> list[int]:
    """Every variant of a range, in order.

    Raises:
        ValueError: It is no range, or one without an end that a person would wait for.
    """
    drawn = check_variant(variants) if isinstance(variants, int) else parse_variant(variants)
    if isinstance(drawn, int):
        return [drawn]
    found = _RANGE.fullmatch(drawn)
    if found is None:
        raise ValueError(f"variants: expected a number or a range such as '1-20', found {drawn!r}")
    return list(range(int(found[1]), int(found[2]) + 1))
