"""The plan of an evaluation: which episodes are played, by whom, and with which budgets."""

from __future__ import annotations

import itertools
import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mle_gym.agents import agent_class
from mle_gym.episode.arguments import ARGUMENTS, check_arguments
from mle_gym.errors import PlanError
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.suites import find_suite, tasks_of

__all__ = ["AgentBudget", "AgentEntry", "Episode", "Plan", "parse_variants", "read_plan"]

FORMAT = 1
MOST_EPISODES = 1_000_000
"""Of a plan, which may come from anybody: whoever reads it looks for the files of each."""
OF_THE_PLAN = frozenset({"variant", "max_steps", "time_limit", "clock", "render_mode"})
"""Arguments of an environment that other parts of a plan decide."""
OF_FAMILIES = frozenset({"size", "difficulty"})

_ENV_ID = re.compile(r"mle/[a-z0-9-]+-v\d+")
_SOME = re.compile(r"(heldout|train):(\d{1,9})")
_SPAN = re.compile(r"(-?\d{1,18})\.\.(-?\d{1,18})")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AgentBudget(_Strict):
    """What an agent may spend in one episode. None is without an end, or the task's own limit."""

    steps: int | None = Field(default=None, gt=0)
    seconds: float | None = Field(default=None, gt=0)
    """Wall clock, the agent's thinking included."""
    tokens: int | None = Field(default=None, gt=0)
    """Of all turns, as far as the agent says what they cost (its attribute ``turn``)."""
    cost: float | None = Field(default=None, gt=0)
    """In the currency in which the agent counts."""


class AgentEntry(_Strict):
    """One contender. The same agent may stand in a plan twice, with other arguments."""

    name: str = Field(pattern=r"^[\w+-][\w.+-]{0,79}$")
    """For tables and paths; unique in a plan."""
    agent: str
    """As :func:`mle_gym.load_agent` accepts it: a name, a file or ``file.py:Class``."""
    arguments: dict[str, Any] = {}
    budget: AgentBudget = AgentBudget()


class Plan(_Strict):
    """Every agent plays every task in every variant with every seed."""

    format: int = Field(default=FORMAT, le=FORMAT)
    agents: tuple[AgentEntry, ...] = Field(min_length=1)
    tasks: tuple[str, ...] = Field(min_length=1)
    """Ids, or paths of task folders."""
    variants: tuple[int, ...] = Field(default=(0,), min_length=1)
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    """Each seeds the environment's reset, and the agent if its class has an argument ``seed``."""
    environment: dict[str, Any] = {}
    """Further arguments of :class:`~mle_gym.MLEEnv` for all episodes. Tasks on real data
    have one size and no difficulty, so they leave those two out."""
    tries: int = Field(default=3, ge=1, le=100)
    """How often an episode is played at most, while it ends with a failure that is retryable."""

    ids: dict[str, str] = {}
    """The Gymnasium id of each task; :meth:`check` fills them in, so that results can be read where
    the tasks aren't known."""

    @field_validator("agents", "tasks", "variants", "seeds")
    @classmethod
    def _no_twins(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [each.name if isinstance(each, AgentEntry) else each for each in values]
        for each, count in Counter(names).items():
            if count > 1:
                raise ValueError(f"{each!r} is named twice, and no result may count twice")
        return values

    @field_validator("ids")
    @classmethod
    def _no_paths(cls, ids: dict[str, str]) -> dict[str, str]:
        """Ids name folders, so none may lead out of the evaluation's own."""
        for each in ids.values():
            if not _ENV_ID.fullmatch(each):
                raise ValueError(f"expected the id of a task like 'mle/titanic-v0', found {each!r}")
        return ids

    @model_validator(mode="after")
    def _no_more(self) -> Self:
        if self.ids and self.ids.keys() != set(self.tasks):
            raise ValueError("ids: expected one for each of the tasks")
        if len(self) > MOST_EPISODES:
            raise ValueError(f"{len(self):,} episodes; a plan has at most {MOST_EPISODES:,}")
        return self

    @cached_property
    def env_ids(self) -> dict[str, str]:
        """The Gymnasium id of each task, by its name in this plan."""
        return self.ids or {task: load_task(task).env_id for task in self.tasks}

    @property
    def episodes(self) -> Iterator[Episode]:
        """All episodes. Agents take turns, so that a run that is stopped compares them fairly."""
        for task, variant, seed, agent in itertools.product(
            self.tasks, self.variants, self.seeds, self.agents
        ):
            yield Episode(agent.name, task, self.env_ids[task], variant, seed)

    def __len__(self) -> int:
        """How many episodes."""
        return math.prod(map(len, (self.agents, self.tasks, self.variants, self.seeds)))

    def agent(self, name: str) -> AgentEntry:
        """The contender of that name."""
        return next(each for each in self.agents if each.name == name)

    def check(self) -> Self:
        """This plan with its tasks' ids, if all that it names exists.

        Raises:
            AgentError: An agent is unknown, or its file can't be used.
            TaskError: A task is unknown or broken.
            PlanError: Two tasks have the same id, or an argument of the environment is not valid.
        """
        for each in self.agents:
            agent_class(each.agent)
        known = {task: load_task(task).env_id for task in self.tasks}
        ids = list(known.values())
        if twins := sorted({each for each in ids if ids.count(each) > 1}):
            raise PlanError(f"tasks: {', '.join(twins)} is named twice, and would count twice")
        if taken := sorted(OF_THE_PLAN & self.environment.keys()):
            raise PlanError(
                f"environment: {', '.join(taken)} can't stand there; the plan's own variants and "
                "each agent's budget say it"
            )
        try:
            check_arguments(self.environment)
        except (TypeError, ValueError) as error:
            raise PlanError(f"environment: {error}") from error
        return self.model_copy(update={"ids": known})

    def arguments(self, episode: Episode) -> dict[str, Any]:
        """The environment's arguments for one episode."""
        budget = self.agent(episode.agent).budget
        found = {"reward": "anchored", "score_ci": True} | self.environment
        if load_task(episode.task).data.real:
            found = {name: each for name, each in found.items() if name not in OF_FAMILIES}
        limits = {"max_steps": budget.steps, "time_limit": budget.seconds}
        return found | {"variant": episode.variant} | limits


@dataclass(frozen=True)
class Episode:
    """One episode of a plan."""

    agent: str
    """The name of an :class:`AgentEntry`."""
    task: str
    """As the plan names it."""
    env_id: str
    variant: int
    seed: int

    @property
    def id(self) -> str:
        """Its name within an evaluation, which is also the path of its files."""
        task = self.env_id.removeprefix("mle/")
        return f"{task}/{self.agent}/variant{self.variant}-seed{self.seed}"


def parse_variants(text: str) -> tuple[int, ...]:
    """The variants that ``0``, ``3,5``, ``1..4``, ``heldout:5`` or ``train:5`` stand for.

    ``heldout:5`` is -1 to -5: consecutive variants of a family have its structures in balance.

    Raises:
        ValueError: The text says something else, or a variant twice.
    """
    found: list[int] = []
    for part in map(str.strip, text.split(",")):
        if some := _SOME.fullmatch(part):
            sign = -1 if some[1] == "heldout" else 1
            found += [sign * number for number in range(1, int(some[2]) + 1)]
        elif span := _SPAN.fullmatch(part):
            found += range(int(span[1]), int(span[2]) + 1)
        elif re.fullmatch(r"-?\d{1,18}", part):
            found.append(int(part))
        else:
            raise ValueError(f"expected 0, 1..4, heldout:5 or train:5, found {part!r}")
    if not found or len(set(found)) < len(found):
        raise ValueError(f"expected variants, each once, found {text!r}")
    return tuple(found)


def tasks_and_size(tasks: Sequence[str], suite: str | None) -> tuple[tuple[str, ...], str | None]:
    """The tasks that are named and those of a suite, each once, and the suite's usual size.

    Raises:
        TaskError: A task or the suite is unknown, or the suite is empty here.
    """
    found = dict.fromkeys(tasks)
    if suite is None:
        return tuple(found), None
    known = {load_task(task).id for task in tasks}
    found |= dict.fromkeys(task.id for task in tasks_of(suite) if task.id not in known)
    return tuple(found), find_suite(suite).size


def read_plan(path: str | Path) -> Plan:
    """A plan from a TOML file.

    Besides the fields of :class:`Plan`, it may have ``suite`` (a suite's tasks) and ``variants`` as
    text (``"heldout:5"``). A number as ``seeds`` is how many: 3 stands for 0, 1 and 2. An agent may
    be a name alone.

    Raises:
        PlanError: The file is no TOML, or no plan; the message names the field.
        TaskError: A task or a suite is unknown.
        OSError: The file can't be read.
    """
    file = Path(path)
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
        return plan_of(values)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError) as error:
        raise PlanError(f"{file}: {_first_problem(error)}") from error


def plan_of(values: dict[str, Any]) -> Plan:
    """A plan of what a TOML file or a command line says.

    Raises:
        ValueError: They are no plan.
    """
    given = dict(values)
    suite = given.pop("suite", None)
    tasks, size = tasks_and_size(given.get("tasks", ()), suite)
    given["tasks"] = tasks
    environment = dict(given.get("environment", {}))
    if size not in (None, ARGUMENTS["size"].default):
        environment.setdefault("size", size)
    given["environment"] = environment
    if isinstance(given.get("variants"), str):
        given["variants"] = parse_variants(given["variants"])
    if isinstance(given.get("seeds"), int):
        given["seeds"] = tuple(range(given["seeds"]))
    given["agents"] = [
        {"name": _short_name(each), "agent": each} if isinstance(each, str) else each
        for each in given.get("agents", ())
    ]
    return Plan.model_validate(given)


def _short_name(agent: str) -> str:
    """A name for tables: of ``agents/my.py:Greedy`` it is ``my-Greedy``."""
    path, _, wanted = agent.partition(".py:")
    stem = Path(path).name.removesuffix(".py")
    return re.sub(r"[^\w.+-]", "_", f"{stem}-{wanted}" if wanted else stem)


def _first_problem(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return str(error)
