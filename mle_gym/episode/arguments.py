"""The arguments of an environment: the one place that declares them and their possible values.

Everything else comes from :class:`Arguments`: what type checkers and editors know about a call,
what ``help`` shows, the checks and their messages, the tables in the documents and in
:class:`~mle_gym.env.MLEEnv`, and the ``--env`` options of the command line.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict, TypeVar, get_args, get_type_hints

from mle_gym.datasets.dataset import SIZES, Size
from mle_gym.episode.argument_declaration import Argument
from mle_gym.episode.argument_kinds import (
    Boolean,
    Integer,
    Interpreter,
    LimitChanges,
    ListOf,
    OneOf,
    Seconds,
    ServerUrl,
    Share,
    Text,
    Variant,
    is_distribution,
    is_gpu,
    is_module,
)
from mle_gym.episode.clock import CLOCKS, Counted
from mle_gym.episode.rewards import REWARDS
from mle_gym.sandbox.backends import BACKENDS, backend_names
from mle_gym.sandbox.sandbox_config import PRELOAD
from mle_gym.tasks.benchmark_conditions import CONDITIONS, ConditionsName
from mle_gym.text import nearest

__all__ = [
    "ARGUMENTS",
    "FEEDBACK",
    "RENDER_MODES",
    "RESET_OPTIONS",
    "SERVED",
    "Arguments",
    "Feedback",
    "check_arguments",
    "check_name",
    "spelled_out",
]

Function = TypeVar("Function", bound=Callable[..., Any])

Feedback = Literal["none", "validate", "score"]
FEEDBACK: tuple[Feedback, ...] = get_args(Feedback)
"""How much an agent may learn about a submission before it hands it in, least first."""

RenderMode = Literal["ansi", "human", "rgb_array"]
RENDER_MODES: tuple[RenderMode, ...] = get_args(RenderMode)


class Arguments(TypedDict, total=False):
    """What an environment accepts besides its task. All of it is plain JSON data."""

    variant: Annotated[
        int | str,
        Argument(
            0,
            Variant(),
            "which instance of the task is played",
            of_an_episode=True,
            link="#variants",
        ),
    ]
    size: Annotated[
        Size,
        Argument(
            "small",
            OneOf(SIZES),
            "how much data a generated task has",
            of_an_episode=True,
            link="families.md",
        ),
    ]
    difficulty: Annotated[
        float,
        Argument(
            0.5, Share(), "how hard a generated task is", of_an_episode=True, link="families.md"
        ),
    ]
    train_rows: Annotated[
        int | None,
        Argument(
            None, Integer(1), "size of a smaller training set", otherwise="all", of_an_episode=True
        ),
    ]
    obfuscate: Annotated[
        bool,
        Argument(
            False, Boolean(), "hide names that a model may have memorised", of_an_episode=True
        ),
    ]
    reward: Annotated[
        str,
        Argument(
            "score",
            Text(f"{', '.join(map(repr, REWARDS))} or an import path: 'package.module:function'"),
            "what an episode pays",
            link="#rewards",
        ),
    ]
    conditions: Annotated[
        ConditionsName | None,
        Argument(
            None,
            OneOf(tuple(CONDITIONS)),
            "a benchmark whose conditions replace the limits",
            otherwise="the task's",
            unset="",
            link="mle-bench.md#mle-benchs-conditions",
            of_the_machine=True,
        ),
    ]
    max_steps: Annotated[
        int | None,
        Argument(
            None,
            Integer(1),
            "steps in an episode; a `TimeLimit` can lower it",
            otherwise="the task's",
        ),
    ]
    time_limit: Annotated[
        float | None, Argument(None, Seconds(), "seconds in an episode", otherwise="the task's")
    ]
    clock: Annotated[
        Counted,
        Argument(
            "wall",
            OneOf(CLOCKS),
            "what counts: all time, or only that of actions",
            link="#the-clock",
        ),
    ]
    command_timeout: Annotated[
        float | None,
        Argument(
            None,
            Seconds(),
            "the most seconds for a command or a validated program",
            otherwise="what is left",
        ),
    ]
    default_timeout: Annotated[
        float, Argument(120.0, Seconds(), "seconds for a command that names no timeout")
    ]
    feedback: Annotated[
        Feedback, Argument("validate", OneOf(FEEDBACK), "what an agent may ask before it submits")
    ]
    score_calls: Annotated[
        int, Argument(5, Integer(0), 'how often `score` answers, with `feedback="score"`')
    ]
    score_ci: Annotated[
        bool,
        Argument(False, Boolean(), "give the grade an interval of its score", link="grading.md"),
    ]
    sandbox: Annotated[
        str,
        Argument(
            "auto",
            OneOf(("auto", *BACKENDS), others=backend_names),
            "the backend, which runs the commands",
            link="sandbox.md",
            of_the_machine=True,
        ),
    ]
    limits: Annotated[
        Mapping[str, float] | None,
        Argument(
            None,
            LimitChanges(),
            "changes to the sandbox's limits",
            otherwise="the task's",
            unset={},
            link="sandbox.md#what-is-limited",
            of_the_machine=True,
        ),
    ]
    network: Annotated[
        bool, Argument(False, Boolean(), "let the sandbox reach the network", of_the_machine=True)
    ]
    gpus: Annotated[
        Sequence[int | str] | None,
        Argument(
            None,
            ListOf(
                "GPU indices or UUIDs",
                "the index or the UUID of a GPU",
                is_gpu,
                order=lambda gpus: tuple(map(str, gpus)),
            ),
            "GPUs that the sandbox may use",
            otherwise="none",
            unset=(),
            of_the_machine=True,
        ),
    ]
    runtime: Annotated[
        str | None,
        Argument(
            None,
            Text("a name such as 'runsc'"),
            'what runs containers, with `sandbox="docker"`',
            otherwise="Docker's",
            unset="",
            link="../SECURITY.md#a-stronger-wall",
            of_the_machine=True,
        ),
    ]
    sandbox_python: Annotated[
        str | None,
        Argument(
            None,
            Interpreter(),
            "the interpreter that agents get",
            otherwise="this Python",
            link="sandbox.md#which-packages-are-shown",
            of_the_machine=True,
        ),
    ]
    packages: Annotated[
        Sequence[str] | None,
        Argument(
            None,
            ListOf(
                "distributions such as ['lightgbm']",
                "the name of a distribution",
                is_distribution,
                # Sorted, so that equal sets of packages share the sandboxes that are kept ready.
                order=lambda names: tuple(sorted(set(names))),
            ),
            "distributions to show besides the usual ones",
            otherwise="none",
            unset=(),
            link="sandbox.md#which-packages-are-shown",
            of_the_machine=True,
        ),
    ]
    warm: Annotated[
        bool,
        Argument(
            True,
            Boolean(),
            "run `python` with its libraries imported already",
            link="sandbox.md#warm-python",
            of_the_machine=True,
        ),
    ]
    preload: Annotated[
        Sequence[str] | None,
        Argument(
            None,
            ListOf("modules such as ['torch']", "the name of a module", is_module),
            "the modules that a warm Python has imported",
            otherwise="the usual",
            unset=PRELOAD,
            link="sandbox.md#warm-python",
            of_the_machine=True,
        ),
    ]
    remote: Annotated[
        str | None,
        Argument(
            None,
            ServerUrl(),
            "the server that plays the episodes",
            otherwise="none",
            unset="",
            link="integrations.md#openenv",
        ),
    ]
    render_mode: Annotated[
        RenderMode | None,
        Argument(None, OneOf(RENDER_MODES), "what `render` gives", otherwise="none"),
    ]


_TYPES = get_type_hints(Arguments, include_extras=True)

ARGUMENTS: Mapping[str, Argument] = {name: get_args(each)[1] for name, each in _TYPES.items()}
"""Every argument by its name."""

RESET_OPTIONS = tuple(name for name, argument in ARGUMENTS.items() if argument.of_an_episode)
"""What ``reset(options=…)`` may change for one episode."""


SERVED = tuple(
    name
    for name, argument in ARGUMENTS.items()
    if not argument.of_the_machine and name not in ("remote", "render_mode")
)
"""What the clients of a server may choose."""


def check_name(name: str) -> None:
    """Refuse an unknown argument.

    Raises:
        TypeError: The message has the nearest names.
    """
    if name not in ARGUMENTS:
        raise TypeError(f"no argument is called {name!r}{nearest(name, ARGUMENTS)}")


def check_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every argument as settings store it: the one given, or the default.

    Raises:
        TypeError: An argument is unknown.
        ValueError: A value is not valid.
    """
    for name in given:
        check_name(name)
    return {
        name: argument.check(name, given.get(name, argument.default))
        for name, argument in ARGUMENTS.items()
    }


def spelled_out(function: Function) -> Function:
    """Makes ``help`` and notebooks list the arguments that ``Unpack[Arguments]`` stands for."""
    own = inspect.signature(function)
    *named, _ = own.parameters.values()
    each = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=ARGUMENTS[name].default,
            annotation=get_args(hint)[0],
        )
        for name, hint in _TYPES.items()
    ]
    function.__signature__ = own.replace(parameters=[*named, *each])  # type: ignore[attr-defined]
    return function
