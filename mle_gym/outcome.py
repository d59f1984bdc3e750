"""What one step of an episode comes to: the five values that Gymnasium's ``step`` returns."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Info", "Outcome"]


class Info(dict[str, Any]):
    """The info of a step or a reset, in which ``info["failure"]`` is None unless there is one.

    The key is absent then: Gymnasium's vector environments can't collate None in one environment
    with a dict in another.
    """

    def __missing__(self, key: str) -> None:
        if key != "failure":
            raise KeyError(key)


class Outcome(NamedTuple):
    """How a step ended."""

    observation: dict[str, Any]
    reward: float
    terminated: bool
    truncated: bool
    info: Info
