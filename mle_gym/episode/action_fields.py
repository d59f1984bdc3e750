"""The fields of tools: what each may contain, why a value is refused, and its JSON Schema."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mle_gym.errors import ActionError

__all__ = ["ToolField", "short"]

_LARGEST = 2**53  # beyond, JSON numbers lose digits


@dataclass(frozen=True)
class _Kind:
    """A type of values that a field may have."""

    expected: str
    types: tuple[type, ...]
    schema: Mapping[str, Any]

    def holds(self, value: Any) -> bool:
        """Whether a value is of this kind. A bool is not a number."""
        fits = isinstance(value, self.types) and not isinstance(value, bool)
        return fits and (isinstance(value, str) or 0 < value <= _LARGEST)


_KINDS = {
    "str": _Kind("a string", (str,), {"type": "string"}),
    "int": _Kind("a positive integer", (int,), {"type": "integer", "minimum": 1}),
    "float": _Kind("a positive number", (int, float), {"type": "number", "exclusiveMinimum": 0}),
}
"""By the type that a field is annotated with, without its ``| None``."""


@dataclass(frozen=True)
class ToolField:
    """A field of a tool, as its dataclass declares it."""

    what: str
    """The tool and the field, as messages begin: ``shell: 'command'``."""
    type_name: str
    kind: _Kind
    required: bool
    default: Any
    """None for a required field as well."""
    description: str
    max_bytes: int
    nul: bool

    @classmethod
    def of(cls, tool: str, declared: dataclasses.Field[Any]) -> ToolField:
        """Read a declaration."""
        type_name = str(declared.type).removesuffix(" | None")
        required = declared.default is dataclasses.MISSING
        return cls(
            what=f"{tool}: {declared.name!r}",
            type_name=type_name,
            kind=_KINDS[type_name],
            required=required,
            default=None if required else declared.default,
            **declared.metadata,
        )

    def check(self, value: object) -> None:
        """Refuse a value of the wrong type or size, or one that can't reach the sandbox intact."""
        if value is None and self.default is None and not self.required:
            return
        if not self.kind.holds(value):
            raise ActionError(f"{self.what} must be {self.kind.expected}, not {short(value)}")
        if isinstance(value, str):
            self._check_text(value)

    def _check_text(self, text: str) -> None:
        """Refuse text that UTF-8 can't carry, that is too long, or that has a NUL and may not."""
        size = len(text)
        if size <= self.max_bytes and not text.isascii():
            size = len(_encoded(self.what, text))
        if size > self.max_bytes:
            message = f"({self.description}) is longer than {self.max_bytes:,} bytes"
            raise ActionError(f"{self.what} {message}")
        if not self.nul and "\0" in text:
            position = text.index("\0")
            raise ActionError(f"{self.what} contains a NUL character at position {position}")

    def schema(self) -> dict[str, Any]:
        """The field in JSON Schema."""
        shown = {} if self.default is None else {"default": self.default}
        return {**self.kind.schema, "description": self.description, **shown}


def _encoded(what: str, text: str) -> bytes:
    """The text as UTF-8, which has no form for lone surrogates."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ActionError(f"{what} contains a lone surrogate at position {error.start}") from None


def short(value: object) -> str:
    """A value as an error message quotes it: its type and its beginning."""
    if isinstance(value, str):
        return repr(value[:60]) + ("…" if len(value) > 60 else "")
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits; a deep nesting
        shown = "…"
    return f"{type(value).__name__} {shown[:60]}"
