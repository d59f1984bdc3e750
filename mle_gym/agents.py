"""Agents, which play episodes, and how they are found by name.

For instance::

    agent = load_agent("solution")               # agents/solution.py of this project
    agent = load_agent("my_agent.py")            # the one agent class in that file
    agent = load_agent("my_agent.py:Greedy", temperature=0.0)

An agent is any object with ``reset`` and ``act``; there is no class to inherit from.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import shlex
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from mle_gym import paths
from mle_gym.errors import AgentError
from mle_gym.sandbox.interrupts import Watch
from mle_gym.tasks.catalog import entry_points_of, task_folders
from mle_gym.text import nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "Agent",
    "LeaveEpisode",
    "ProgramAgent",
    "ResumableAgent",
    "agent_class",
    "agent_names",
    "blamed",
    "is_agents",
    "load_agent",
]

_GROUP = "mle_gym.agents"
_METHODS = ("reset", "act")
_BLAME = "raised by the agent at"
_ENDS_OF_ITERATION = (StopIteration, StopAsyncIteration)


class LeaveEpisode(Exception):
    """Raised by ``act`` to leave an episode before the environment ends it.

    Args:
        reason: Why, for the trajectory's footer (``"you quit"``).
        submit: Whether what lies at the submission's path is handed in first, by a last step.
    """

    def __init__(self, reason: str = "", *, submit: bool = True) -> None:
        super().__init__(reason)
        self.submit = submit


@runtime_checkable
class Agent(Protocol):
    """Plays episodes: ``reset`` is called at the start of each, and ``act`` for every action."""

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Begin an episode with what the environment's ``reset`` returned."""

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """Choose the next action. For MLEEnv it is a shell script or a tool call (a dict)."""


@runtime_checkable
class ResumableAgent(Agent, Protocol):
    """An agent that can go on in another process where it was stopped, between two actions."""

    def state(self) -> Any:
        """Everything that it knows of the episode, in a form that pickles."""

    def restore(self, state: Any) -> None:
        """Know of the episode what :meth:`state` returned. ``reset`` was called before."""


class ProgramAgent:
    """Writes one Python program into the workspace, runs it, and submits its output.

    If the program fails, the agent submits nothing: it leaves the episode and says why.

    Args:
        program: A file's name in the task's own folder (``"solution.py"``), or the path of any
            program (a ``Path``).
    """

    def __init__(self, program: str | Path) -> None:
        self._program = program
        self._actions: list[Any] = []

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Read the program for this episode's task.

        Raises:
            AgentError: The task is not in the catalog, or there is no such program.
        """
        path = self._path(info)
        if not path.is_file():
            raise AgentError(f"task {info['task']!r} has no {path.name}: {path}")
        self._actions = [
            {"tool": "write_file", "path": path.name, "content": path.read_text("utf-8")},
            {
                "tool": "bash",
                "command": f"python {shlex.quote(path.name)} && submit",
                "timeout": float(observation["seconds_left"].item()),
            },
        ]

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """Write the program, then run it, then leave."""
        if not self._actions:
            output = str(observation["output"]).strip()
            reason = f"the program did not lead to a submission: {output[-500:]}"
            raise LeaveEpisode(reason, submit=False)
        return self._actions.pop(0)

    def _path(self, info: dict[str, Any]) -> Path:
        if isinstance(self._program, Path):
            return self._program
        folders = task_folders()
        if info["task"] not in folders:
            raise AgentError(
                f"task {info['task']!r} is not in the catalog, so its {self._program} can't be "
                "found: register its folder with mle_gym.register_tasks or MLE_GYM_PATH"
            )
        return folders[info["task"]] / self._program


class blamed:
    """Adds a note to an agent's exceptions: the place in the agent's own file that raised.

    Exceptions with a special meaning, such as SystemExit and StopIteration, become a RuntimeError,
    since an agent must neither end the program that plays it nor appear to end an iteration. Only
    Ctrl-C is passed on. This isn't a generator function, since those can't pass on StopIteration.

    Args:
        agent: The agent whose code runs in this block.
        path: Where the episode is recorded, if it is.
    """

    def __init__(self, agent: object, path: str | Path | None) -> None:
        self._agent = agent
        self._path = path
        self._watch = Watch()

    def __enter__(self) -> None:
        """Begin the block."""
        self._watch.begin()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Add the note.

        Raises:
            RuntimeError: In place of an exception that has a special meaning.
        """
        interrupted = self._watch.end()
        if error is None or isinstance(error, LeaveEpisode):
            return
        if isinstance(error, KeyboardInterrupt) and interrupted:
            return
        note = _blame(self._agent, error, self._path)
        if isinstance(error, Exception) and not isinstance(error, _ENDS_OF_ITERATION):
            error.add_note(note)
            return
        did = f"raised {type(error).__name__}: {error}".removesuffix(": ")
        if isinstance(error, SystemExit):
            did = f"called sys.exit({error.code!r})"
        ended = RuntimeError(f"the agent {did}")
        ended.add_note(note)
        raise ended from error


def is_agents(error: BaseException) -> bool:
    """Whether an exception that :func:`mle_gym.rollout` raised is the agent's."""
    return any(note.startswith(_BLAME) for note in getattr(error, "__notes__", ()))


def _blame(agent: object, error: BaseException, path: str | Path | None) -> str:
    module = sys.modules.get(agent.__module__)  # of a class or function too, or by its class
    frames = traceback.extract_tb(error.__traceback__)
    own = [each for each in frames if each.filename == getattr(module, "__file__", None)]
    last = (own or frames)[-1]
    kept = f"; the steps so far are in {path}" if path else ""
    return f"{_BLAME} {last.filename}:{last.lineno}{kept}"


def agent_names() -> tuple[str, ...]:
    """The names that :func:`load_agent` knows: the bundled agents and those of other packages."""
    return tuple(sorted({*_bundled(), *_entry_points()}))


def agent_class(name: str) -> Callable[..., Agent]:
    """Find an agent's class without making an agent; see :func:`load_agent` for the names.

    Raises:
        AgentError: See :func:`load_agent`.
    """
    file, _, wanted = name.rpartition(":") if ".py:" in name else (name, "", "")
    if file.endswith(".py") or "/" in file:
        return _class_from_file(Path(file), wanted)
    if name in (bundled := _bundled()):
        return _class_from_file(bundled[name], "")
    if name in (others := _entry_points()):
        return cast("Callable[..., Agent]", others[name].load())
    hint = nearest(name, agent_names())
    raise AgentError(f"no agent is called {name!r}{hint} (or name a file: my_agent.py)")


def load_agent(name: str, **arguments: Any) -> Agent:
    """Make an agent.

    Args:
        name: A bundled agent (``"solution"``), a file with its class (``"my.py"``,
            ``"my.py:Greedy"``; the class may be left out when the file has only one with ``reset``
            and ``act``), or a name in the entry-point group ``mle_gym.agents``.
        arguments: Passed to the class.

    Raises:
        AgentError: The name is unknown (the message has the nearest ones); its file is missing,
            fails on import or has no such class; or the class does not accept the arguments.
        RuntimeError: The class raised an exception with a special meaning, such as SystemExit. Its
            other exceptions are passed on, with a note on where they were raised.
    """
    make = agent_class(name)
    try:
        inspect.signature(make).bind(**arguments)
    except TypeError as error:
        accepted = ", ".join(inspect.signature(make).parameters) or "none"
        raise AgentError(f"agent {name!r}: {error}; its arguments: {accepted}") from None
    with blamed(make, None):
        agent = make(**arguments)
    if not isinstance(agent, Agent):
        raise AgentError(f"agent {name!r}: {type(agent).__name__} lacks reset or act")
    return agent


def _bundled() -> dict[str, Path]:
    """The files in ``agents/`` that contain an agent and not a script, by the agent's name.

    ``random_.py`` is the agent ``random``: a ``random.py`` would shadow the standard library's in
    every script that is run from that folder.
    """
    files = sorted(paths.bundled("agents").glob("*.py"))
    return {path.stem.rstrip("_"): path for path in files if _agents_in(path)}


def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points_of(_GROUP)}


def _agents_in(path: Path) -> tuple[str, ...]:
    """Names of the classes in a file that look like agents. The file is not run for that."""
    try:
        tree = ast.parse(path.read_bytes(), path)
    except (SyntaxError, ValueError):
        return ()
    return tuple(
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and (
            any(isinstance(item, ast.FunctionDef) and item.name == "act" for item in node.body)
            or any(ast.unparse(base).endswith("Agent") for base in node.bases)
        )
    )


def _class_from_file(path: Path, wanted: str) -> Callable[..., Agent]:
    module = _load_module(path)
    classes = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and all(callable(getattr(value, method, None)) for method in _METHODS)
    }
    if not wanted and len(classes) == 1:
        return cast("Callable[..., Agent]", next(iter(classes.values())))
    if wanted in classes:
        return cast("Callable[..., Agent]", classes[wanted])
    found = f"found {', '.join(classes)}" if classes else "found none"
    asked = f"a class {wanted} with reset and act" if wanted else "one class with reset and act"
    example = next(iter(classes), "MyAgent")
    raise AgentError(f"{path}: expected {asked}, {found} (name one: {path.name}:{example})")


def _load_module(path: Path) -> ModuleType:
    if not path.is_file():
        raise AgentError(f"no agent file at {path.resolve()}")
    name = f"mle_gym_agent_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise AgentError(f"{path}: an agent's file is Python and ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise AgentError(f"{path}: {type(error).__name__}: {error}") from error
    return module
