"""The environment that ``trl.GRPOTrainer(environment_factory=…)`` makes, one for each rollout.

TRL calls ``reset`` with the columns of a dataset's row, offers the public methods as tools to the
model, and asks ``get_reward`` when the model has stopped calling them.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Unpack

from mle_gym.chat.conversation import shown
from mle_gym.env import MLEEnv
from mle_gym.episode.actions.fields import Field
from mle_gym.episode.actions.schemas import ToolSet
from mle_gym.episode.actions.tools import TOOL_SETS, TOOLS, Tool
from mle_gym.episode.arguments import RESET_OPTIONS, Arguments
from mle_gym.episode.failures import Failure
from mle_gym.errors import DatasetError, SandboxError, SandboxUnavailable
from mle_gym.integrations.trl.episode_log import EpisodeLog
from mle_gym.make_env import make
from mle_gym.text import nearest
from mle_gym.trajectories.episode_recorder import EpisodeRecorder
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["ToolEnvironment", "environment_class"]

OVER = "The episode is over."
FAILED = "The environment failed, and this episode doesn't count."
STOPPED = "the model stopped calling tools"
SUBMIT = {"tool": "submit"}
_TYPES: dict[str, Any] = {
    "string": str, "number": float, "integer": int, "boolean": bool, "array": list[int]
}  # fmt: skip


@dataclass
class _Seat:
    """The MLEEnv that an environment plays on, apart from it, so that it can be freed after it."""

    env: MLEEnv | None = None
    task: str = ""

    def take(self, task: str, arguments: dict[str, Any]) -> MLEEnv:
        """The environment of a task: the one that there is, or a new one in its place."""
        if self.env is None or self.task != task:
            self.close()
            self.env, self.task = make(task, **arguments), task
        return self.env

    def close(self) -> None:
        """Free the sandbox. Idempotent."""
        if self.env is not None:
            self.env.close()
            self.env = None


class ToolEnvironment:
    """Plays the task that a dataset's row names; :func:`environment_class` adds the tools.

    Everything public on it is a tool of the model's, except ``reset`` and ``get_reward``, so
    whatever else a program may ask is a property. Sandboxes are freed when the environment is
    collected, or when Python ends.
    """

    arguments: ClassVar[dict[str, Any]] = {}
    """Of the environment; a row's columns of the same names come first."""
    task: ClassVar[str | None] = None
    """What is played if the row doesn't say."""
    log: ClassVar[EpisodeLog | None] = None

    name = "trl"

    def __init__(self) -> None:
        self._seat = _Seat()
        self._episode: EpisodeRecorder | None = None
        self._failure: Failure | None = None
        self._reward: float | None = None
        self._trajectory: Trajectory | None = None
        # `__del__` would run at any moment and never at exit; a finalizer keeps only the seat.
        self._finalizer = weakref.finalize(self, self._seat.close)

    @property
    def trajectory(self) -> Trajectory | None:
        """The record of the rollout that ``get_reward`` has ended; None before."""
        return self._trajectory

    @property
    def failure(self) -> dict[str, Any] | None:
        """Why the rollout has no reward, as in ``info["failure"]``; None if it has one."""
        if self._failure is not None:
            return self._failure.to_dict()
        steps = self._episode.steps if self._episode else ()
        return steps[-1].info.get("failure") if steps else None

    def reset(self, task: str | None = None, **row: Any) -> str:
        """Begin an episode.

        Args:
            task: The id of the task, or its folder.
            **row: The other columns. ``variant``, ``size``, ``difficulty``, ``train_rows`` and
                ``obfuscate`` choose the instance, and ``seed`` seeds it. What is None, and what has
                another name, is ignored.

        Returns:
            The brief, which TRL appends to the prompt.

        Raises:
            ValueError: There is no task, or a column has no possible value.
            TaskError: No such task.
            DatasetError: The data can't be had here.
            SandboxUnavailable: No sandbox can run here.
        """
        chosen = task or self.task
        if chosen is None:
            raise ValueError("name a task: in the dataset's column 'task', or environment_class")
        self._episode = self._failure = self._reward = self._trajectory = None
        options = {name: row[name] for name in RESET_OPTIONS if row.get(name) is not None}
        try:
            env = self._seat.take(chosen, self.arguments)
            observation, info = env.reset(seed=row.get("seed"), options=options)
        except (SandboxUnavailable, DatasetError):
            raise  # it won't be better in the next rollout
        except SandboxError as error:
            self._failure = Failure.of(error, "reset")
            self._seat.close()
            return FAILED
        opening = (observation, info)
        self._episode = EpisodeRecorder.begin(
            env, self, opening, seed=row.get("seed"), options=options
        )
        return str(observation["output"])

    def get_reward(self) -> float | None:
        """End the episode if the model hasn't, and say what it earned.

        Returns:
            The return, or None if the machinery failed. TRL leaves a None out of the group's mean
            and out of the loss.
        """
        if self._episode is not None and self._trajectory is None:
            self._trajectory = self._end(self._episode)
            failed = self._trajectory.failure
            self._reward = None if failed else self._trajectory.episode_return
            if self.log is not None:
                self.log.add(self._trajectory, self._reward)
        return self._reward

    def _end(self, episode: EpisodeRecorder) -> Trajectory:
        if not episode.over:
            episode.left = STOPPED
            # As for any agent that leaves, so that its record can be verified and replayed.
            episode.step(SUBMIT, episode.env.step(SUBMIT))
        if not episode.over:  # there is nothing that could be handed in
            assert self._seat.env is not None
            outcome = self._seat.env.finish()
            if outcome[-1]["failure"]:
                episode.step(SUBMIT, outcome)
        return episode.end()

    def _call(self, tool: str, given: dict[str, Any]) -> str:
        """What came of a call, as the model reads it."""
        if self._episode is None:
            return FAILED
        if self._episode.over:
            return OVER
        action = {"name": tool, "arguments": given}
        step = self._episode.step(action, self._episode.env.step(action))
        return FAILED if step.info.get("failure") else shown(step.observation)


def environment_class(
    task: str | None = None,
    *,
    tools: ToolSet = "claude",
    log: EpisodeLog | None = None,
    **arguments: Unpack[Arguments],
) -> type[ToolEnvironment]:
    """The class of environments for ``GRPOTrainer(environment_factory=…)``.

    >>> factory = environment_class("titanic", reward="anchored", variant="train", max_steps=20)
    >>> trainer = GRPOTrainer(model, environment_factory=factory, train_dataset=…)

    Args:
        task: What is played if the dataset has no column ``task``.
        tools: Which tools the model gets, as in :func:`mle_gym.tool_schemas`.
        log: Collects the episodes.
        **arguments: Those of :class:`mle_gym.MLEEnv`. By default the reward is ``"anchored"``.

    Raises:
        ValueError: There is no such set of tools.
    """
    if tools not in TOOL_SETS:
        raise ValueError(f"no set of tools is called {tools!r}{nearest(tools, TOOL_SETS)}")
    chosen: dict[str, Any] = {"reward": "anchored", **arguments}
    feedback = chosen.get("feedback", "validate")
    offered = [TOOLS[name] for name in TOOL_SETS[tools] if feedback in TOOLS[name].feedback]
    methods = {tool.name: _method(tool) for tool in offered}
    fixed = {"arguments": chosen, "task": task, "log": log, "__module__": __name__}
    return type("MLEEnvironment", (ToolEnvironment,), {**fixed, **methods})


def _method(tool: Tool) -> Callable[..., str]:
    """The method that calls a tool, with the signature and docstring that TRL makes schemas of."""

    def call(self: ToolEnvironment, **given: Any) -> str:
        return self._call(tool.name, given)

    receiver = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [_parameter(each) for each in tool.fields]
    call.__name__, call.__qualname__ = tool.name, f"MLEEnvironment.{tool.name}"
    call.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": str}
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [receiver, *parameters], return_annotation=str
    )
    lines = [tool.description, "", "Args:"]
    lines += [f"    {each.name}: {_description(each)}" for each in tool.fields]
    lines += ["", "Returns:", "    What the action printed, and what is left of the budget."]
    call.__doc__ = "\n".join(lines)
    return call


def _parameter(field: Field) -> inspect.Parameter:
    kind = _TYPES[str(field.schema["type"])]
    default: Any = inspect.Parameter.empty if field.required else None
    annotation = kind if field.required else kind | None
    where = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(field.name, where, default=default, annotation=annotation)


def _description(field: Field) -> str:
    """One line, with the choices in the form that transformers reads."""
    choices = field.schema.get("enum")
    if not choices:
        return field.description
    listed = ", ".join(f'"{each}"' for each in choices)
    return f"{field.description} (choices: [{listed}])"
