"""What a generator changes of its task for one dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mle_gym.errors import DatasetError
from mle_gym.tasks.consistency import check_task
from mle_gym.tasks.field_problems import FieldProblem, problem_lines
from mle_gym.tasks.spec import TaskSpec
from mle_gym.text import nearest

__all__ = ["changed_fields"]

CHANGEABLE = ("title", "description", "kind", "data", "submission", "grade", "medals")
"""What a dataset may have of its own; the limits are known before there is one."""


def changed_fields(task: TaskSpec, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The whole of each field that a generator changes a part of, as JSON has it.

    Raises:
        DatasetError: A field that can't be changed, or the changed task contradicts itself.
    """
    where = task.folder / "generate.py"
    for name in changes:
        if name not in CHANGEABLE:
            known = nearest(name, CHANGEABLE)
            raise DatasetError(f"{where}: Instance.task: no such field {name!r}{known}")
    whole = _merged(task.model_dump(exclude_defaults=True), changes)
    try:
        changed = TaskSpec.model_validate(whole)
        check_task(changed)
    except ValidationError as error:
        raise DatasetError("\n".join(problem_lines(where, error, TaskSpec))) from None
    except FieldProblem as problem:
        raise DatasetError(f"{where}: Instance.task: {problem}") from None
    return changed.model_dump(mode="json", include=set(changes))


def _merged(whole: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged field by field; ``columns`` and ``params`` are replaced as they are."""
    merged = dict(whole)
    for name, value in changes.items():
        if isinstance(value, Mapping) and name not in ("columns", "params"):
            merged[name] = _merged(merged.get(name) or {}, value)
        else:
            merged[name] = value
    return merged
