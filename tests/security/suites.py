"""The tests that each list of attacks gets: one inside an episode, one without the defence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.security.arena import Arena, Exposed
from tests.security.attack import Attack

Test = Callable[..., None]


def fails(attacks: Sequence[Attack]) -> Test:
    """A test that no attack works in an episode of any backend that promises isolation."""

    @pytest.mark.parametrize("attack", attacks, ids=str)
    def test(attack: Attack, arena: Arena) -> None:
        assert not arena.suffers(attack)

    return test


def both_ways(attacks: Sequence[Attack]) -> tuple[Test, Test]:
    """That test, and one that each attack works where the defence that it is about is off.

    Without the second one, an attack with a mistake in it would pass the first one for ever.
    """

    @pytest.mark.slow("it is about the attacks, which seldom change")
    @pytest.mark.parametrize("attack", attacks, ids=str)
    def test(attack: Attack, exposed: Exposed) -> None:
        assert exposed.suffers(attack)

    return fails(attacks), test
