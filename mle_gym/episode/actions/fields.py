"""The fields of tools: what each may contain, why a value is refused, and its JSON Schema."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mle_gym.errors import ActionError

__all__ = ["MAX_TEXT_BYTES", "Field", "choice", "flag", "integer", "lines", "path", "seconds",
           "short", "text"]  # fmt: skip

MAX_TEXT_BYTES = 10 * 2**20
"""The longest text that an action may contain, in bytes of UTF-8 (10 MiB)."""
_LONGEST_PATH = 4096  # as on Linux
_LARGEST = 2**53  # beyond, JSON numbers lose digits
_LONGEST_NUMBER = 40
"""Characters of a text that may be meant as a number."""


@dataclass(frozen=True)
class Field:
    """A field of a tool."""

    name: str
    description: str
    expected: str
    """What a value must be, as messages say it: ``a string``."""
    read: Callable[[Any], Any]
    """The value that a model meant, or raises ValueError."""
    schema: Mapping[str, Any]
    """Its type in JSON Schema."""
    required: bool = False

    def value(self, tool: str, given: object) -> Any:
        """The value that a model meant by what it sent.

        Models write numbers as text, lists as JSON and null for what they leave out; all of these
        are understood.

        Raises:
            ActionError: It is of the wrong type or size, or can't reach the sandbox intact.
        """
        if given is None and not self.required:
            return None
        what = f"{tool}: {self.name!r}"
        try:
            return self.read(given)
        except _Refused as refused:
            raise ActionError(f"{what} {refused}") from None
        except ValueError:
            raise ActionError(f"{what} must be {self.expected}, not {short(given)}") from None


class _Refused(Exception):
    """A value of the right type that is refused; the message continues a sentence."""


def text(name: str, description: str, *, required: bool = False, nul: bool = True) -> Field:
    """A field for text of at most 10 MiB, which may or may not contain NUL."""
    read = _reader_of_text(MAX_TEXT_BYTES, nul)
    return Field(name, description, "a string", read, {"type": "string"}, required)


def path(name: str, description: str, *, required: bool = False) -> Field:
    """A field for a path, with Linux's own limits."""
    read = _reader_of_text(_LONGEST_PATH, nul=False)
    return Field(name, description, "a string", read, {"type": "string"}, required)


def choice(name: str, description: str, choices: tuple[str, ...]) -> Field:
    """A required field for one of several words."""

    def read(given: object) -> str:
        if given not in choices:
            raise ValueError
        return str(given)

    expected = f"one of {', '.join(choices)}"
    schema = {"type": "string", "enum": list(choices)}
    return Field(name, description, expected, read, schema, required=True)


def seconds(name: str, description: str) -> Field:
    """An optional field for a positive number."""
    schema = {"type": "number", "exclusiveMinimum": 0}
    return Field(name, description, "a positive number", _positive_number, schema)


def integer(name: str, description: str, least: int = 1) -> Field:
    """An optional field for an integer that isn't below ``least``."""

    def read(given: object) -> int:
        number = _number(given)
        if number != int(number) or isinstance(given, float) or not least <= number <= _LARGEST:
            raise ValueError
        return int(number)

    expected = "a positive integer" if least == 1 else f"an integer of {least} or more"
    return Field(name, description, expected, read, {"type": "integer", "minimum": least})


def flag(name: str, description: str) -> Field:
    """An optional field for true or false."""

    def read(given: object) -> bool:
        words = {"true": True, "false": False}
        found = words.get(given.lower(), given) if isinstance(given, str) else given
        if not isinstance(found, bool):
            raise ValueError
        return found

    return Field(name, description, "true or false", read, {"type": "boolean"})


def lines(name: str, description: str) -> Field:
    """An optional field for the first and the last line, from 1; -1 for the file's last one."""

    def read(given: object) -> tuple[int, int]:
        pair = given
        if isinstance(given, str) and len(given) < 2 * _LONGEST_NUMBER:
            pair = json.loads(given)
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ValueError
        first, last = (_whole(each) for each in pair)
        if first < 1 or (last < first and last != -1):
            raise ValueError
        return first, last

    schema = {"type": "array", "items": {"type": "integer"}}
    return Field(name, description, "two line numbers such as [1, 40]", read, schema)


def _reader_of_text(max_bytes: int, nul: bool) -> Callable[[Any], str]:
    """Reads text that UTF-8 can carry, that isn't too long, and that has a NUL only if it may."""

    def read(given: object) -> str:
        if not isinstance(given, str):
            raise ValueError
        size = len(given)
        if size <= max_bytes and not given.isascii():
            size = len(_encoded(given))
        if size > max_bytes:
            raise _Refused(f"is longer than {max_bytes:,} bytes")
        if not nul and "\0" in given:
            raise _Refused(f"contains a NUL character at position {given.index(chr(0))}")
        return given

    return read


def _encoded(given: str) -> bytes:
    """The text as UTF-8, which has no form for lone surrogates."""
    try:
        return given.encode()
    except UnicodeEncodeError as error:
        raise _Refused(f"contains a lone surrogate at position {error.start}") from None


def _positive_number(given: object) -> float:
    number = _number(given)
    if not 0 < number <= _LARGEST:
        raise ValueError
    return number


def _whole(given: object) -> int:
    number = _number(given)
    if number != int(number) or abs(number) > _LARGEST:
        raise ValueError
    return int(number)


def _number(given: object) -> int | float:
    """A number, or text that is one. A bool is not a number."""
    if isinstance(given, str) and len(given) < _LONGEST_NUMBER:
        given = json.loads(given)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise ValueError
    if isinstance(given, float) and not math.isfinite(given):
        raise ValueError
    return given


def short(value: object) -> str:
    """A value as an error message quotes it: its type and its beginning."""
    if isinstance(value, str):
        return repr(value[:60]) + ("…" if len(value) > 60 else "")
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits; a deep nesting
        shown = "…"
    return f"{type(value).__name__} {shown[:60]}"
