"""How a broken ``task.toml`` is told: one line a problem, with file, field, expected and found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mle_gym.text import did_you_mean, show

__all__ = ["FieldProblem", "problem_lines"]

LONGEST_VALUE = 80
"""Characters of a found value that are shown."""


class FieldProblem(ValueError):
    """A check across fields failed; names the field to change.

    Args:
        field: Path of the field below the table whose check failed.
        expected: What would have been right.
        found: The value that was there.
    """

    def __init__(self, field: str, expected: str, found: object) -> None:
        super().__init__(field, expected, found)
        self.field = field
        self.text = f"expected {expected}, found {show(found, LONGEST_VALUE)}"

    def __str__(self) -> str:
        # Pydantic asks for it, and what was found may be too large to print.
        return f"{self.field}: {self.text}"


def problem_lines(file: Path, error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line for every problem that pydantic found in ``file``."""
    return [f"{file}: {_problem(dict(details), model)}" for details in error.errors()]


def _problem(details: Mapping[str, Any], model: type[BaseModel]) -> str:
    location: tuple[str | int, ...] = details["loc"]
    field = ".".join(_key(part) for part in location)
    if details["type"] == "extra_forbidden":
        return f"{field}: unknown field{did_you_mean(str(location[-1]), _known(model, location))}"
    if details["type"] == "missing":
        return f"{field}: missing; expected {_describe(model, location)}"
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, FieldProblem):
        field = ".".join(filter(None, (field, cause.field)))
        return f"{field}: {cause.text}"
    expected = _expectation(str(details["msg"]))
    return (
        f"{field or 'the file'}: expected {expected}, found {show(details['input'], LONGEST_VALUE)}"
    )


def _key(part: str | int) -> str:
    """A key as TOML would write it, so that the line names one place only."""
    text = str(part)
    plain = text.isidentifier() or text.replace("-", "").isalnum()
    return text if plain and len(text) <= LONGEST_VALUE else show(text, LONGEST_VALUE)


def _expectation(message: str) -> str:
    """Pydantic's sentence, turned into what comes after "expected"."""
    for prefix in ("Input should be ", "Value error, ", "Assertion failed, "):
        if message.startswith(prefix):
            return message.removeprefix(prefix)
    return message[:1].lower() + message[1:]


def _known(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    owner = _model_at(model, location[:-1])
    return list(owner.model_fields) if owner else []


def _describe(model: type[BaseModel], location: tuple[str | int, ...]) -> str:
    owner = _model_at(model, location[:-1])
    info = owner.model_fields.get(str(location[-1])) if owner else None
    return info.description if info and info.description else "a value"


def _model_at(model: type[BaseModel], location: tuple[str | int, ...]) -> type[BaseModel] | None:
    """The model that describes the table at ``location``."""
    current: type[BaseModel] | None = model
    inside = False
    for part in location:
        if inside:  # the key of a dict[str, Model], the place in a list[Model]: the model stays
            inside = False
            continue
        info = current.model_fields.get(str(part)) if current else None
        if info is None:
            return None
        current = _model_in(info.annotation)
        inside = getattr(info.annotation, "__origin__", None) in (dict, list)
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found:
            return found
    return None
