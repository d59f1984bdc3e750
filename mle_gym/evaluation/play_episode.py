"""Plays one episode of a plan in this process, again if a failure allows it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mle_gym.agents import Agent, LeaveEpisode, agent_class, is_agents, load_agent
from mle_gym.env import MLEEnv
from mle_gym.episode.failures import Failure
from mle_gym.errors import AgentError, MleGymError, TrajectoryError
from mle_gym.evaluation.evaluation_folder import EvaluationFolder
from mle_gym.evaluation.plan import AgentBudget, AgentEntry, Episode, Plan
from mle_gym.evaluation.result import Result
from mle_gym.make_env import make
from mle_gym.trajectories.audit import audit_trajectory
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.spending import spent_on
from mle_gym.trajectories.trajectory import Step, Trajectory

__all__ = ["LOADING_SECONDS", "OnPhase", "Phase", "play_episode", "unplayed"]

LOADING_SECONDS = 600.0
"""For importing and making an agent, which may load a model."""


@dataclass(frozen=True)
class Phase:
    """What an episode is doing, for whoever watches the process that plays it."""

    doing: str
    """``loading`` (the agent), ``starting`` (the environment), ``thinking`` (the agent) or
    ``working`` (the environment)."""
    seconds: float | None = None
    """How long it may take; None while only the machinery is at work."""
    steps: int = 0
    command: str = ""
    """The last action's beginning."""

    @property
    def is_agents(self) -> bool:
        """Whether the agent's own code is running."""
        return self.doing in ("loading", "thinking")


OnPhase = Callable[[Phase], None]


def play_episode(
    plan: Plan, episode: Episode, folder: EvaluationFolder, on_phase: OnPhase
) -> Result:
    """Play it until there is something to count, at most ``plan.tries`` times.

    Whatever the agent or the machinery does, this returns a result. The record of each try is kept.
    """
    for number in range(1, plan.tries + 1):
        folder.set_aside(episode)
        result = _play_once(plan, episode, folder, on_phase).model_copy(update={"tries": number})
        if not (result.failure and result.failure["retryable"]):
            break
    return result


def unplayed(episode: Episode, **values: Any) -> Result:
    """A result of which nothing but its end is known."""
    return Result(
        agent=episode.agent,
        task=episode.env_id,
        variant=episode.variant,
        seed=episode.seed,
        **values,
    )


def _play_once(plan: Plan, episode: Episode, folder: EvaluationFolder, on_phase: OnPhase) -> Result:
    entry = plan.agent(episode.agent)
    player = None
    try:
        on_phase(Phase("loading", LOADING_SECONDS))
        agent = _load(entry, episode.seed)
        on_phase(Phase("starting"))
        with contextlib.closing(make(episode.task, **plan.arguments(episode))) as env:
            player = _Player(agent, entry.budget, env, on_phase)
            path = folder.trajectory_path(episode)
            rollout(env, player, seed=episode.seed, path=path, on_step=player.saw)
    except BaseException as error:  # one episode must not stop the others
        return with_record(_of_error(episode, error, player), episode, folder)
    return with_record(unplayed(episode, status="graded"), episode, folder)


def _load(entry: AgentEntry, seed: int) -> Agent:
    seeded = "seed" in inspect.signature(agent_class(entry.agent)).parameters
    given = {"seed": seed} | entry.arguments if seeded else entry.arguments
    return load_agent(entry.agent, **given)


def _of_error(episode: Episode, error: BaseException, player: _Player | None) -> Result:
    """The result of an episode that an exception ended: the agent's, or the machinery's."""
    if (player is None and isinstance(error, AgentError)) or is_agents(error):
        notes = getattr(error, "__notes__", [])
        message = "\n".join([f"{type(error).__name__}: {error}", *notes])
        reason = type(error.__cause__ or error).__name__
        return unplayed(episode, status="agent_failed", reason=reason, message=message)
    failure = Failure.of(error, "step" if player and player.steps else "reset")
    return _failed(unplayed(episode, status="failed"), failure.to_dict())


def _failed(result: Result, failure: dict[str, Any]) -> Result:
    found = {
        "status": "failed",
        "failure": failure,
        "reason": failure["kind"],
        "message": failure["message"],
    }
    return result.model_copy(update=found)


def with_record(result: Result, episode: Episode, folder: EvaluationFolder) -> Result:
    """The result with what its trajectory says, as far as there is one."""
    path = folder.trajectory_path(episode)
    try:
        trajectory = Trajectory.read(path)
        result = result.recorded(trajectory, audit_trajectory(path))
    except (OSError, TrajectoryError, MleGymError):
        return result
    result = result.model_copy(update={"trajectory": folder.relative(path)})
    if result.status == "graded" and trajectory.failure is not None:
        return _failed(result, trajectory.failure)
    if result.status == "graded":
        return result.graded(trajectory.grade or {}) if trajectory.grade else _unsubmitted(result)
    return result


def _unsubmitted(result: Result) -> Result:
    """The agent left without handing anything in."""
    nothing = {"reason": "left", "message": result.left or "", "anchored": 0.0}
    return result.model_copy(update=nothing)


class _Player:
    """An agent within its budget, which says what it is doing."""

    def __init__(self, agent: Agent, budget: AgentBudget, env: MLEEnv, on_phase: OnPhase) -> None:
        self._agent, self._budget, self._env, self._on_phase = agent, budget, env, on_phase
        self.name = getattr(agent, "name", type(agent).__name__)
        self.__module__ = type(agent).__module__  # by which an exception's own frame is found
        self.steps = 0
        self.turn: Any = None  # what the agent says that its last action cost
        self._spent = {"tokens": 0.0, "cost": 0.0}
        self._command = ""

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Begin an episode."""
        self._think(observation)
        self._agent.reset(observation, info)

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """Choose the next action, unless a budget is spent."""
        self.turn = None
        for name, spent in self._spent.items():
            most = getattr(self._budget, name)
            if most is not None and spent >= most:
                raise LeaveEpisode(f"the budget of {most:g} {name} is spent")
        self._think(observation)
        try:
            action = self._agent.act(observation, info)
        finally:
            self.turn = getattr(self._agent, "turn", None)
        self._command = str(action)[:200]
        self._on_phase(Phase("working", None, self.steps, self._command))
        return action

    def saw(self, step: Step) -> None:
        """Count what a step cost."""
        self.steps += 1
        spent = spent_on(step)
        self._spent["tokens"] += spent.tokens
        self._spent["cost"] += spent.cost or 0.0

    def _think(self, observation: Any) -> None:
        left = float(observation["seconds_left"].item())
        self._on_phase(Phase("thinking", left, self.steps, self._command))
