"""The kinds of values that an environment's arguments have: integers, seconds, names, lists.

Each kind describes in words what it expects, for messages and tables, and checks values.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from mle_gym.episode.variants import EXPECTED, check_variant
from mle_gym.sandbox.limits import Limits
from mle_gym.text import nearest

__all__ = [
    "Boolean",
    "Integer",
    "Interpreter",
    "Kind",
    "LimitChanges",
    "ListOf",
    "OneOf",
    "Seconds",
    "ServerUrl",
    "Share",
    "Text",
    "Variant",
    "is_distribution",
    "is_gpu",
    "is_module",
]

_LARGEST = sys.float_info.max

_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_SERVER = re.compile(r"https?://[^/?#@\s]+(/[^?#@\s]*)?")


class Kind(Protocol):
    """A kind of value."""

    is_text: ClassVar[bool]
    """Whether a word on a command line is the value itself. Otherwise the word is JSON."""

    @property
    def expected(self) -> str:
        """What a value must be: ``an integer of at least 1``."""

    def check(self, name: str, value: Any) -> Any:
        """The value as settings store it.

        Raises:
            ValueError: The value has the wrong type or is out of range. The message names the
                argument, what was expected and what was found.
        """


@dataclass(frozen=True)
class Integer:
    """A whole number."""

    is_text: ClassVar[bool] = False
    at_least: int

    @property
    def expected(self) -> str:
        """An integer, with its range."""
        return f"an integer of at least {self.at_least}"

    def check(self, name: str, value: Any) -> int:
        """The integer itself. A bool is not one."""
        if isinstance(value, bool) or not isinstance(value, int) or value < self.at_least:
            raise _unfit(name, self, value)
        return value


@dataclass(frozen=True)
class Seconds:
    """A duration."""

    is_text: ClassVar[bool] = False
    expected: str = "a positive number of seconds"

    def check(self, name: str, value: Any) -> float:
        """The seconds as a float."""
        if not _is_positive(value, (int, float)):
            raise _unfit(name, self, value)
        return float(value)


@dataclass(frozen=True)
class Share:
    """A place between two ends."""

    is_text: ClassVar[bool] = False
    expected: str = "a number from 0 to 1"

    def check(self, name: str, value: Any) -> float:
        """The number as a float."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 <= value <= 1:
            raise _unfit(name, self, value)
        return float(value)


@dataclass(frozen=True)
class Boolean:
    """Yes or no."""

    is_text: ClassVar[bool] = False
    expected: str = "True or False"

    def check(self, name: str, value: Any) -> bool:
        """The bool itself."""
        if not isinstance(value, bool):
            raise _unfit(name, self, value)
        return value


@dataclass(frozen=True)
class Text:
    """A string.

    Args:
        expected: What kind of string, for tables: ``a name``.
    """

    is_text: ClassVar[bool] = True
    expected: str

    def check(self, name: str, value: Any) -> str:
        """The string itself."""
        return _string(name, value)


@dataclass(frozen=True)
class OneOf:
    """One of some names.

    Args:
        usual: The names that every installation knows.
        others: Returns further names. It may be slow, so it is called only for an unusual name.
    """

    is_text: ClassVar[bool] = True
    usual: Sequence[str]
    others: Callable[[], Sequence[str]] = tuple

    @property
    def expected(self) -> str:
        """The usual names."""
        *first, last = map(repr, self.usual)
        return f"{', '.join(first)} or {last}"

    def check(self, name: str, value: Any) -> str:
        """The name itself."""
        known = self.usual if value in self.usual else {*self.usual, *self.others()}
        return _known(name, value, known)


@dataclass(frozen=True)
class ListOf:
    """A list, which settings store as a tuple.

    Args:
        items: What it contains, with an example: ``modules such as ['torch']``.
        item: What one item is: ``the name of a module``.
        fits: Whether a value is such an item.
        order: Converts the items to the form in which settings store them.
    """

    is_text: ClassVar[bool] = False
    items: str
    item: str
    fits: Callable[[Any], bool]
    order: Callable[[Sequence[Any]], tuple[str, ...]] = tuple

    @property
    def expected(self) -> str:
        """What it contains."""
        return f"a list of {self.items}"

    def check(self, name: str, value: Any) -> tuple[str, ...]:
        """The items."""
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise _unfit(name, self, value)
        for each in value:
            if not self.fits(each):
                raise ValueError(f"{name}: {each!r} is not {self.item}")
        return self.order(value)


@dataclass(frozen=True)
class Variant:
    """A variant, or a range from which one is drawn."""

    is_text: ClassVar[bool] = False
    expected: str = EXPECTED

    def check(self, name: str, value: Any) -> int | str:
        """See :func:`~mle_gym.episode.variants.check_variant`."""
        return check_variant(value)


@dataclass(frozen=True)
class ServerUrl:
    """The address of a server that plays episodes. It has no credentials: specs are shared."""

    is_text: ClassVar[bool] = True
    expected: str = "the address of `mle-gym serve`, such as 'http://127.0.0.1:8765'"

    def check(self, name: str, value: Any) -> str:
        """The address without a slash at its end."""
        if not _SERVER.fullmatch(_string(name, value)):
            raise _unfit(name, self, value)
        return str(value).rstrip("/")


@dataclass(frozen=True)
class Interpreter:
    """A Python interpreter on this machine."""

    is_text: ClassVar[bool] = True
    expected: str = "the path of an interpreter"

    def check(self, name: str, value: Any) -> Path:
        """Its absolute path."""
        path = Path(_string(name, value)).expanduser()
        if not path.is_file():
            raise ValueError(f"{name}: there is no interpreter at {path}")
        return path.absolute()


@dataclass(frozen=True)
class LimitChanges:
    """Some of the :class:`~mle_gym.sandbox.limits.Limits`, by name."""

    is_text: ClassVar[bool] = False
    expected: str = "a dict such as {'memory_mb': 4096}"

    def check(self, name: str, value: Any) -> dict[str, Any]:
        """The changes, each a positive number."""
        if not isinstance(value, Mapping):
            raise _unfit(name, self, value)
        kinds = {each.name: each.type for each in dataclasses.fields(Limits)}
        for limit, number in value.items():
            _known(name, limit, tuple(kinds))
            if not _is_positive(number, (int,) if kinds[limit] == "int" else (int, float)):
                raise ValueError(f"{name}: {limit} must be a positive number, not {number!r}")
        return dict(value)


def is_module(name: Any) -> bool:
    """Whether an import statement could name it."""
    return isinstance(name, str) and all(part.isidentifier() for part in name.split("."))


def is_distribution(name: Any) -> bool:
    """Whether a package index could list it."""
    return isinstance(name, str) and _DISTRIBUTION.fullmatch(name) is not None


def is_gpu(value: Any) -> bool:
    """Whether it is an index (numpy's integers count) or a string."""
    return isinstance(value, str) or hasattr(value, "__index__")


def _unfit(name: str, kind: Kind, value: object) -> ValueError:
    return ValueError(f"{name} must be {kind.expected}, not {value!r}")


def _string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string, not {value!r}")
    return value


def _known(name: str, value: object, known: Collection[str]) -> str:
    if value not in known:
        raise ValueError(f"{name}: no such value {value!r}{nearest(value, known)}")
    return str(value)


def _is_positive(value: Any, types: tuple[type, ...]) -> bool:
    is_number = isinstance(value, types) and not isinstance(value, bool)
    return is_number and 0 < value <= _LARGEST
