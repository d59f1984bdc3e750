"""Tasks by suite: names for sets of tasks that are trained on or reported together.

A suite is a rule over what is known on this machine, so tasks of your own join it. The exception is
``heldout-families``, whose names are fixed: nothing trains on them, so that a policy can be tried
on kinds of work that it has never met.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mle_gym.errors import TaskError
from mle_gym.tasks.catalog import load_task, task_folders
from mle_gym.text import did_you_mean

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["HELD_OUT_FAMILIES", "SUITES", "Suite", "find_suite", "tasks_of"]

HELD_OUT_FAMILIES = frozenset(
    {
        "choose-a-model",
        "churn-survival",
        "fair-scoring",
        "make-it-fast",
        "microscopy",
        "quality-gate",
    }
)
"""One for each sort of work: a choice, a table, a constraint, speed, images, the data themselves.
To add a name is fine, to remove one is not: somebody may have trained on it since."""


@dataclass(frozen=True)
class Suite:
    """A set of tasks."""

    name: str
    meaning: str
    """For tables and messages."""
    includes: Callable[[TaskSpec], bool]
    size: Literal["micro", "small"] = "small"
    """How much data its generated tasks have, unless one asks for another size."""


def _is_family(task: TaskSpec) -> bool:
    return task.data.loader == "generate"


def _is_competition(*tags: str) -> Callable[[TaskSpec], bool]:
    return lambda task: not set(tags).isdisjoint(task.tags)


SUITES = {
    suite.name: suite
    for suite in (
        Suite("micro", "all families, with little data: an episode takes a moment", _is_family,
              "micro"),
        Suite("classic", "the famous tables that scikit-learn carries",
              lambda task: task.data.loader in ("sklearn", "openml")
              and task.submission.code is None),
        Suite("real", "real data at their real size, which the extra `data` installs",
              lambda task: task.data.loader == "package"),
        Suite("engineer", "tasks that are graded by running code",
              lambda task: task.submission.code is not None),
        Suite("everyday", "all families of generated tasks", _is_family),
        Suite("heldout-families", "families that nothing trains on",
              lambda task: _is_family(task) and task.id in HELD_OUT_FAMILIES),
        Suite("lite", "the competitions of MLE-bench Lite", _is_competition("mle-bench-lite")),
        Suite("mle-bench", "all competitions of MLE-bench that are here",
              _is_competition("mle-bench-lite", "mle-bench")),
    )
}  # fmt: skip


def find_suite(name: str) -> Suite:
    """The suite of a name.

    Raises:
        TaskError: There is none; the message has the nearest names.
    """
    if name not in SUITES:
        wanted = ", ".join(SUITES)
        raise TaskError(f"no suite {name!r}{did_you_mean(name, list(SUITES))} (known: {wanted})")
    return SUITES[name]


def tasks_of(name: str, *, training: bool = False) -> list[TaskSpec]:
    """The tasks of a suite that are known on this machine, by id.

    Args:
        name: A key of :data:`SUITES`.
        training: Leave out the held-out families.

    Raises:
        TaskError: There is no such suite, or a task in it is broken.
    """
    suite = find_suite(name)
    tasks = [load_task(folder) for _, folder in sorted(task_folders().items())]
    return [
        task
        for task in tasks
        if suite.includes(task) and not (training and task.id in HELD_OUT_FAMILIES)
    ]
