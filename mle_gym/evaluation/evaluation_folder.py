"""The folder of an evaluation: the plan, and for each episode a result and a record.

    plan.json
    episodes/titanic-v0/solution/variant0-seed1.json          the result, written when it is known
    episodes/titanic-v0/solution/variant0-seed1.jsonl         the trajectory, written as it happens
    episodes/titanic-v0/solution/variant0-seed1.log           what the agent printed
    episodes/titanic-v0/solution/variant0-seed1.try1.jsonl    a try that failed, or that was cut off

A result is there whole or not at all, so whatever ends an evaluation, each episode either counts
once or is played again.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mle_gym.errors import PlanError
from mle_gym.evaluation.plan import Episode, Plan
from mle_gym.evaluation.result import Result
from mle_gym.regular_files import read_whole, write_atomically

__all__ = ["EvaluationFolder", "Run", "read_run"]

MOST_BYTES = 16 * 2**20
"""Of a plan or a result, which may come from anybody."""


@dataclass(frozen=True)
class Run:
    """An evaluation as far as it has come."""

    folder: Path
    plan: Plan
    results: tuple[Result, ...]
    """In the order of the plan."""
    missing: tuple[Episode, ...]
    """Planned episodes without a result."""

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name


class EvaluationFolder:
    """Reads and writes the files of one evaluation.

    Args:
        path: The folder. It need not exist before :meth:`write_plan`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.plan_path = self.path / "plan.json"

    def result_path(self, episode: Episode) -> Path:
        """Where an episode's result is, if it has one."""
        return self._file(episode, ".json")

    def trajectory_path(self, episode: Episode) -> Path:
        """Where an episode is recorded."""
        return self._file(episode, ".jsonl")

    def log_path(self, episode: Episode) -> Path:
        """Where an episode's agent prints to."""
        return self._file(episode, ".log")

    def read_plan(self) -> Plan:
        """The plan.

        Raises:
            PlanError: There is none, or it can't be read by this version.
        """
        try:
            content = read_whole(self.plan_path, MOST_BYTES)
        except FileNotFoundError:
            message = f"{self.path}: expected the folder of an evaluation, found no plan.json"
            raise PlanError(message) from None
        try:
            return Plan.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise PlanError(f"{self.plan_path}: {place}: {first['msg']}") from error

    def write_plan(self, plan: Plan) -> None:
        """Write the plan; afterwards, episodes may be played."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.plan_path, plan.model_dump_json(indent=2) + "\n")

    def read_result(self, episode: Episode) -> Result | None:
        """An episode's result, if it has one.

        Raises:
            PlanError: There is a file, but no result in it, or another episode's.
        """
        path = self.result_path(episode)
        try:
            result = Result.model_validate_json(read_whole(path, MOST_BYTES))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            message = f"{path}: not a result ({error.errors()[0]['msg']}); delete it to play again"
            raise PlanError(message) from error
        found = (result.agent, result.task, result.variant, result.seed)
        if found != (episode.agent, episode.env_id, episode.variant, episode.seed):
            raise PlanError(f"{path}: the result of another episode; delete it to play again")
        return result

    def write_result(self, episode: Episode, result: Result) -> None:
        """Write what an episode came to. Afterwards it counts."""
        path = self.result_path(episode)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(result.model_dump(mode="json"), indent=1, ensure_ascii=False)
        # An agent's message may have lone surrogates, which no reader of JSON has to accept.
        write_atomically(path, text.encode("utf-8", "replace").decode() + "\n")

    def set_aside(self, episode: Episode) -> None:
        """Keep the record of a try that does not count under another name."""
        path = self.trajectory_path(episode)
        if path.exists():
            names = (path.with_suffix(f".try{number}.jsonl") for number in itertools.count(1))
            path.rename(next(name for name in names if not name.exists()))

    def relative(self, path: Path) -> str:
        """A path for a result, which stays right if the folder is moved."""
        return path.relative_to(self.path).as_posix()

    def _file(self, episode: Episode, suffix: str) -> Path:
        return self.path / "episodes" / f"{episode.id}{suffix}"


def read_run(path: str | Path) -> Run:
    """All results of an evaluation, whether or not it has ended.

    Raises:
        PlanError: The folder is no evaluation's, or a file in it is damaged.
        TaskError: A task of the plan is not known here.
    """
    folder = EvaluationFolder(path)
    plan = folder.read_plan()
    found = [(episode, folder.read_result(episode)) for episode in plan.episodes]
    return Run(
        folder.path,
        plan,
        tuple(result for _, result in found if result is not None),
        tuple(episode for episode, result in found if result is None),
    )
