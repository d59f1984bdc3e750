"""Runs the ``generate.py`` of a task, which makes fresh data for every variant.

Its function is ``generate(rng, …)`` and names what else it needs: ``variant``, ``size``,
``difficulty``, ``structure``. It returns a table, which is split as ``task.toml`` says, or an
:class:`~mle_gym.datasets.instance.Instance`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pandas as pd

from mle_gym.datasets.instance import Instance
from mle_gym.datasets.keys import generator
from mle_gym.datasets.structures import check_axes, deal_structure
from mle_gym.datasets.tables import canonical
from mle_gym.errors import DatasetError, MleGymError, TaskError
from mle_gym.tasks.hooks import load_module, named

if TYPE_CHECKING:
    from mle_gym.datasets.dataset import DatasetOptions
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["axes_of", "run_generator", "structure_of"]

PARAMETERS = ("variant", "size", "difficulty", "structure")
"""What a generator may ask for, beside its random generator."""


def run_generator(task: TaskSpec, options: DatasetOptions) -> pd.DataFrame | Instance:
    """What the task's generator makes: a canonical table, or an instance.

    Raises:
        DatasetError: There is no such function, it failed or returned something else, or it can't
            make what the options ask for.
    """
    path = task.folder / "generate.py"
    try:
        module = load_module(path)
        hook = named(module, path, "generate")
        structure = structure_of(task, options.variant, module)
    except TaskError as error:
        raise DatasetError(str(error)) from error
    asked = _asked(task, hook, options, structure)
    rng = generator(task, options.variant, "generate")
    try:
        made = hook(rng, **asked)
    except MleGymError:
        raise
    except Exception as error:
        called = ", ".join(["rng", *(f"{name}={value!r}" for name, value in asked.items())])
        raise DatasetError(f"{path}: generate({called}) failed: {error!r}") from error
    if isinstance(made, Instance):
        return made
    if not isinstance(made, pd.DataFrame) or made.empty:
        found = type(made).__name__
        raise DatasetError(
            f"{path}: generate: expected a DataFrame with rows or an Instance, found {found}"
        )
    return canonical(made)


def structure_of(
    task: TaskSpec, variant: int, module: ModuleType | None = None
) -> dict[str, Any]:  # fmt: skip
    """The structure that a variant of the task is dealt; empty if its generator declares none."""
    module = module or load_module(task.folder / "generate.py")
    return deal_structure(task, getattr(module, "STRUCTURES", None), variant)


def axes_of(task: TaskSpec) -> dict[str, tuple[Any, ...]]:
    """The axes along which a family's variants differ in kind; empty if it declares none.

    Raises:
        TaskError: The generator doesn't run, or its ``STRUCTURES`` is broken.
    """
    if task.hook("generate") is None:
        return {}
    return check_axes(task, getattr(load_module(task.folder / "generate.py"), "STRUCTURES", None))


def _asked(
    task: TaskSpec, hook: Callable[..., Any], options: DatasetOptions, structure: dict[str, Any]
) -> dict[str, Any]:
    """The arguments that the function names."""
    path = task.folder / "generate.py"
    parameters = list(inspect.signature(hook).parameters)
    names = parameters[1:]
    if not parameters or not set(names) <= set(PARAMETERS):
        raise DatasetError(
            f"{path}: expected generate(rng, …) with any of {', '.join(PARAMETERS)}; found "
            f"generate({', '.join(parameters)})"
        )
    if bool(structure) != ("structure" in names):
        raise DatasetError(
            f"{path}: expected STRUCTURES and generate's parameter 'structure' together"
        )
    plain = type(options)()
    for name in ("size", "difficulty"):
        value = getattr(options, name)
        if name not in names and value != getattr(plain, name):
            raise DatasetError(f"{task.id}: {name}: its generate.py has no parameter {name!r}")
    known = {**vars(options), "structure": structure}
    return {name: known[name] for name in names}
