"""The two tests that a list of attacks gets: stopped in an episode, and able to work elsewhere."""

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


def works(attacks: Sequence[Attack]) -> Test:
    """A test that each attack works where the defence that it is about is off."""

    @pytest.mark.parametrize("attack", attacks, ids=str)
    def test(attack: Attack, exposed: Exposed) -> None:
        assert exposed.suffers(attack)

    return test
