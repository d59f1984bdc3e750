"""One attempt: a model writes a program, and the program runs in an episode."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_gym.agents import LeaveEpisode
from mle_gym.chat.conversation import shortened
from mle_gym.chat.model import ChatModel, ContextOverflow, OutOfTime
from mle_gym.chat.model_budget import Spent, turn_record
from mle_gym.chat.replies import Turn
from mle_gym.env import MLEEnv
from mle_gym.episode.snapshot import Snapshot
from mle_gym.errors import TrajectoryError
from mle_gym.search.prompts import plan_and_program, validation_score
from mle_gym.search.tree import Node, Operation
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.spending import spent_in
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["FEWEST_STEPS", "Attempt", "ended_early", "play"]

FEWEST_STEPS = 3
"""An attempt writes its program and runs it, and one step must be left to hand in."""
MOST_OUTPUT = 6000
"""Characters of a program's output that are kept and shown to the model."""


@dataclass(frozen=True)
class Attempt:
    """What is to be tried next."""

    operation: Operation
    parent: int
    """The number of the attempt to continue, or :data:`mle_gym.search.tree.ROOT`."""


class AttemptAgent:
    """Asks for one program, writes it, runs it, and leaves.

    Args:
        model: Is asked once.
        messages: What it is asked.
        deadline: The moment of ``time.monotonic()`` after which its reply is of no use.
        seconds: The most that the program may take.
        validates: Whether the environment says whether a submission is valid.
    """

    name = "attempt"

    def __init__(
        self,
        model: ChatModel,
        messages: list[dict[str, Any]],
        *,
        deadline: float,
        seconds: float,
        validates: bool,
    ) -> None:
        self._model, self._messages = model, messages
        self._deadline, self._seconds = deadline, seconds
        self._command = "python solution.py" + (" && validate" if validates else "")
        self.turn: dict[str, Any] | None = None
        self.plan = self.program = self.problem = ""

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Begin with the question."""
        self._actions: list[Any] | None = None

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """Write the program, then run it, then leave.

        Raises:
            LeaveEpisode: The program ran, or there is none.
            AgentError: The API refuses, or keeps failing.
        """
        if self._actions is None:
            self._actions = self._ask(observation)
        else:
            self.turn = None
        if not self._actions:
            raise LeaveEpisode("the attempt is over", submit=False)
        return self._actions.pop(0)

    def _ask(self, observation: Any) -> list[Any]:
        left = time.monotonic() + float(observation["seconds_left"].item())
        try:
            turn = self._model.complete(self._messages, deadline=min(left, self._deadline))
        except OutOfTime as error:
            return self._without_program("the model did not answer in time", error.seconds)
        except ContextOverflow:
            return self._without_program("the model's context is too short for the request", 0.0)
        self.turn = turn_record(self._model.name, turn.text, Spent.on_turn(turn))
        self.plan, self.program = plan_and_program(turn.text)
        if not self.program.strip():
            self.problem = _why_no_program(turn)
            return [{"tool": "think", "thought": turn.text}]
        run = {"tool": "bash", "command": self._command, "timeout": self._seconds}
        return [{"tool": "write_file", "path": "solution.py", "content": self.program}, run]

    def _without_program(self, problem: str, seconds: float) -> list[Any]:
        self.problem = problem
        self.turn = turn_record(self._model.name, "", Spent(retry_seconds=seconds))
        return [{"tool": "think", "thought": problem}]


def play(
    env: MLEEnv,
    agent: AttemptAgent,
    number: int,
    attempt: Attempt,
    start: Snapshot,
    path: Path,
) -> tuple[Node, Snapshot | None]:
    """Make an attempt where another one left off.

    Returns:
        What came of it, and the state that it left; None if the episode is over.
    """
    trajectory = rollout(env, agent, options={"snapshot": start}, path=path)
    last = trajectory.steps[-1]
    over = last.terminated or last.truncated
    output = str(last.observation["output"])
    score = None if agent.problem else validation_score(output)
    problem = agent.problem or _problem(trajectory, score)
    enough = int(last.observation["steps_left"]) >= FEWEST_STEPS
    node = Node(
        number,
        attempt.parent,
        attempt.operation,
        agent.plan,
        agent.program,
        shortened(output, MOST_OUTPUT),
        score,
        problem,
        can_continue=enough and not over,
        spent=spent_in(trajectory),
    )
    return node, None if over else env.snapshot()


def ended_early(number: int, attempt: Attempt, path: Path) -> Node:
    """An attempt that an interrupted run left behind. What it took stays spent."""
    plan, program, spent = "", "", Spent()
    with contextlib.suppress(TrajectoryError, OSError):  # it had hardly begun
        trajectory = Trajectory.read(path)
        told = next((step.turn["text"] for step in trajectory.steps if step.turn), "")
        plan, program = plan_and_program(told)
        spent = spent_in(trajectory)
    return Node(
        number,
        attempt.parent,
        attempt.operation,
        plan,
        program,
        output="",
        validation=None,
        problem="the run was interrupted",
        can_continue=False,
        spent=spent,
    )


def _problem(trajectory: Trajectory, score: float | None) -> str:
    """Why an attempt is no solution; empty if it is one."""
    last = trajectory.steps[-1]
    if trajectory.failure is not None:
        return "the machinery failed: {kind}: {message}".format(**trajectory.failure)
    if last.truncated:
        return "the episode's time was up"
    if last.terminated:
        return "the program handed in by itself"
    validation = last.info.get("validation")
    if validation is not None and not validation["valid"]:
        return f"the submission is not valid: {validation['message']}"
    if last.observation["exit_code"]:
        return f"it ended with exit code {last.observation['exit_code']}"
    if score is None:
        return "it printed no line `validation: NUMBER`"
    return ""


def _why_no_program(turn: Turn) -> str:
    return "the reply was cut off" if turn.cut else "there was no program in the reply"
