"""mle-gym: environments in which agents learn machine-learning engineering.

    import mle_gym

    env = mle_gym.make("titanic", reward="anchored")
    observation, info = env.reset(seed=0)

Importing the package registers every task with Gymnasium (``gymnasium.make("mle/titanic-v0")``) and
loads nothing heavy: the names below are imported when they are first used.

- :func:`make`, :func:`make_vec`: make an environment, or a vector environment.
- :class:`MLEEnv`: the environment. Its docstring is the reference.
- :func:`sample_task`, :class:`Curriculum`: draw tasks, or choose those that most can be learned
  from. ``gymnasium.make("mle/any-v0")`` plays another one in every episode.
- :func:`tool_schemas`, :func:`parse_tool_call`: the tools of a language model, and its calls.
- :func:`load_agent`, :func:`rollout`: load an agent, and let it play an episode.
- :class:`Trajectory`: a recorded episode. :func:`replay` plays it again, :func:`verify_trajectory`
  checks whether its result is true, and :func:`audit_trajectory` whether the agent played by the
  rules. :func:`export_trajectories` makes training data of trajectories, and :func:`health` says
  whether training on them would go right.
- :func:`grade`, :class:`Grade`: grade a submission without an episode.
- :func:`load_task`, :func:`prepare`, :func:`register_tasks`: load a task, prepare its data, and add
  tasks of your own.
- :mod:`errors`: the exceptions that all of these raise.

``mle-gym --help`` shows the command line, and ``mle-gym list`` what works on this machine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mle_gym.tasks.catalog import register_all

if TYPE_CHECKING:
    from mle_gym import errors
    from mle_gym.agents import load_agent
    from mle_gym.curricula.curriculum import Curriculum
    from mle_gym.curricula.sampling import sample_task
    from mle_gym.datasets.prepare import prepare
    from mle_gym.env import MLEEnv
    from mle_gym.episode.actions.parse import parse_tool_call
    from mle_gym.episode.actions.schemas import tool_schemas
    from mle_gym.grading.grade import Grade
    from mle_gym.grading.open_grader import grade
    from mle_gym.make_env import make, make_vec
    from mle_gym.tasks.catalog import load_task, register_tasks
    from mle_gym.trajectories.audit import audit_trajectory
    from mle_gym.trajectories.health import health
    from mle_gym.trajectories.replay import replay
    from mle_gym.trajectories.rollout import rollout
    from mle_gym.trajectories.training_data.export_records import export_trajectories
    from mle_gym.trajectories.trajectory import Trajectory
    from mle_gym.trajectories.verify.run_verification import verify_trajectory

    __version__: str

__all__ = [
    "Curriculum",
    "Grade",
    "MLEEnv",
    "Trajectory",
    "__version__",
    "audit_trajectory",
    "errors",
    "export_trajectories",
    "grade",
    "health",
    "load_agent",
    "load_task",
    "make",
    "make_vec",
    "parse_tool_call",
    "prepare",
    "register_tasks",
    "replay",
    "rollout",
    "sample_task",
    "tool_schemas",
    "verify_trajectory",
]

_SOURCES = {
    "Curriculum": "mle_gym.curricula.curriculum",
    "Grade": "mle_gym.grading.open_grader",
    "MLEEnv": "mle_gym.env",
    "Trajectory": "mle_gym.trajectories.trajectory",
    "audit_trajectory": "mle_gym.trajectories.audit",
    "export_trajectories": "mle_gym.trajectories.training_data.export_records",
    "grade": "mle_gym.grading.open_grader",
    "health": "mle_gym.trajectories.health",
    "load_agent": "mle_gym.agents",
    "load_task": "mle_gym.tasks.catalog",
    "make": "mle_gym.make_env",
    "make_vec": "mle_gym.make_env",
    "parse_tool_call": "mle_gym.episode.actions.parse",
    "prepare": "mle_gym.datasets.prepare",
    "register_tasks": "mle_gym.tasks.catalog",
    "replay": "mle_gym.trajectories.replay",
    "rollout": "mle_gym.trajectories.rollout",
    "sample_task": "mle_gym.curricula.sampling",
    "tool_schemas": "mle_gym.episode.actions.schemas",
    "verify_trajectory": "mle_gym.trajectories.verify.run_verification",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # slow, and rarely needed

        value: Any = version("mle-gym")
    elif name == "errors":
        value = import_module("mle_gym.errors")
    elif name in _SOURCES:
        value = getattr(import_module(_SOURCES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register_all()
