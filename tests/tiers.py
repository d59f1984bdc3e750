"""Cases of one test of which few take part in the quick tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def few_quick(
    cases: Iterable[Any], quick: Iterable[Any] | Callable[[Any], bool], why: str
) -> list[Any]:
    """All cases, for ``parametrize``; those that are not among the ``quick`` ones are slow."""
    chosen = quick if callable(quick) else set(quick).__contains__
    slow = pytest.mark.slow(why)
    return [case if chosen(case) else _param(case, slow) for case in cases]


def _param(case: Any, mark: pytest.MarkDecorator) -> Any:
    """A tuple holds the values of several arguments."""
    return pytest.param(*(case if isinstance(case, tuple) else [case]), marks=mark)
