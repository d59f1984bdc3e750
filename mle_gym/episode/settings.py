"""The settings of an environment: its checked arguments, completed with the task's own limits.

They are checked when an environment is constructed, so that a mistyped name fails then and not an
hour into a training run. Nothing is imported or started for that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_gym.datasets.dataset import DatasetOptions, Size
from mle_gym.episode.arguments import ARGUMENTS, RESET_OPTIONS, check_arguments
from mle_gym.episode.clock import Counted
from mle_gym.episode.conditions import limits_of
from mle_gym.episode.rewards import REWARDS, check_reward
from mle_gym.sandbox.limits import Limits
from mle_gym.tasks.benchmark_conditions import CONDITIONS
from mle_gym.text import nearest

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Every argument except the render mode. :mod:`mle_gym.episode.arguments` explains them."""

    variant: int | str
    sandbox: str
    reward: str
    conditions: str
    """Empty if the limits are the task's own."""
    max_steps: int
    time_limit: float
    clock: Counted
    command_timeout: float | None
    default_timeout: float
    feedback: str
    score_calls: int
    score_ci: bool
    size: Size
    difficulty: float
    train_rows: int | None
    obfuscate: bool
    network: bool
    gpus: tuple[str, ...]
    runtime: str
    sandbox_python: Path | None
    packages: tuple[str, ...]
    limits: Limits
    warm: bool
    preload: tuple[str, ...]
    remote: str
    """Empty if the episodes are played here."""

    @classmethod
    def check(cls, task: TaskSpec, arguments: Mapping[str, Any]) -> Settings:
        """Check an environment's arguments and fill in what they leave to the task.

        Raises:
            TypeError: An argument is unknown; the message has the nearest names.
            ValueError: A value is not valid or has the wrong type. The message names the argument,
                what was expected and what was found.
        """
        values = check_arguments(arguments)
        check_reward(values["reward"], task)
        _check_generated(values, task)
        _check_runtime(values["runtime"], values["sandbox"])
        _check_remote(values, arguments)
        _fill_in(values, task, arguments)
        del values["render_mode"]
        return cls(**values)

    def with_options(self, options: Mapping[str, Any] | None) -> Settings:
        """The settings of one episode: these, changed by the options of ``reset``.

        Raises:
            ValueError: An option is unknown, or a value is not valid.
        """
        changes = {name: value for name, value in (options or {}).items() if name != "snapshot"}
        for name in changes:
            if name not in RESET_OPTIONS:
                known = (*RESET_OPTIONS, "snapshot")
                raise ValueError(f"reset(options=…): no such value {name!r}{nearest(name, known)}")
        checked = {name: ARGUMENTS[name].check(name, value) for name, value in changes.items()}
        return dataclasses.replace(self, **checked) if checked else self

    def dataset_options(self, variant: int) -> DatasetOptions:
        """Which dataset an episode is played on, once its variant is drawn."""
        return DatasetOptions(variant, self.train_rows, self.obfuscate, self.size, self.difficulty)


def _fill_in(values: dict[str, Any], task: TaskSpec, given: Mapping[str, Any]) -> None:
    """Take what isn't given from the conditions, or from the task if there are none."""
    values["conditions"] = values["conditions"] or task.limits.conditions or ""
    conditions = CONDITIONS.get(values["conditions"])
    values["limits"] = Limits(**limits_of(task.limits, conditions) | values["limits"])
    own = conditions or task.limits
    if values["max_steps"] is None:
        values["max_steps"] = own.steps
    if values["time_limit"] is None:
        values["time_limit"] = float(own.seconds)
    if conditions is not None and "feedback" not in given:
        values["feedback"] = conditions.feedback


def _check_generated(values: Mapping[str, Any], task: TaskSpec) -> None:
    """Refuse a size or a difficulty for a task whose data are as they are."""
    for name in ("size", "difficulty"):
        usual = ARGUMENTS[name].default
        if task.data.real and values[name] != usual:
            raise ValueError(
                f"{name} must be {usual!r} for {task.id}, not {values[name]!r}: only tasks whose "
                "data are generated have another"
            )


def _check_runtime(runtime: str, sandbox: str) -> None:
    """Refuse a container runtime for a sandbox that is not a container."""
    if runtime and sandbox != "docker":
        raise ValueError(f"runtime={runtime!r} requires sandbox='docker', found {sandbox!r}")


def _check_remote(values: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse what a server decides itself, and a reward that it would have to import."""
    if not values["remote"]:
        return
    for name, argument in ARGUMENTS.items():
        if argument.of_the_machine and given.get(name, argument.default) != argument.default:
            raise ValueError(
                f"{name} is decided by the server: leave it out, or start the server with "
                f"`mle-gym serve --env {name}=…`"
            )
    if values["reward"] not in REWARDS:
        raise ValueError(
            f"reward {values['reward']!r} is not known to a server; known are {', '.join(REWARDS)}"
        )
