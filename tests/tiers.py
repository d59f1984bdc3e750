"""What the quick tests have less of: cases of one test, and examples that hypothesis makes up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import settings


def few_quick(
    cases: Iterable[Any], quick: Iterable[Any] | Callable[[Any], bool], why: str
) -> list[Any]:
    """All cases, for ``parametrize``; those that are not among the ``quick`` ones are slow."""
    chosen = quick if callable(quick) else set(quick).__contains__
    slow = pytest.mark.slow(why)
    return [case if chosen(case) else _param(case, slow) for case in cases]


def example_count(count: int) -> int:
    """How many examples a test tries that tries ``count`` when all tests run.

    The profile "quick", which the quick tests have, makes it a quarter; "long" makes it thirtyfold.
    """
    assert settings.default is not None
    return max(1, count * settings.default.max_examples // 100)


def _param(case: Any, mark: pytest.MarkDecorator) -> Any:
    """A tuple holds the values of several arguments."""
    return pytest.param(*(case if isinstance(case, tuple) else [case]), marks=mark)
