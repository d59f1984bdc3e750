"""States in the middle of episodes, from which further groups of rollouts begin.

A long episode is mostly the same beginning. "AceGRPO" (2026) keeps what episodes reached on the
way, and trains on groups of rollouts that continue from there, most often where something can be
learned: where the returns of a group differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, pvariance
from typing import TYPE_CHECKING, Any

from mle_gym.curricula.curriculum import MOST_VARIANCE
from mle_gym.episode.snapshot import Snapshot

if TYPE_CHECKING:
    import numpy as np

__all__ = ["KeptState", "StateBuffer"]


@dataclass(eq=False)
class KeptState:
    """A moment of an episode."""

    snapshot: Snapshot
    prefix: tuple[Any, ...]
    """What led to it, such as the messages or the steps so far: the policy's input, and no part of
    the loss. ``info["prefix_steps"]`` of the reset says how many steps it took."""
    variance: float = MOST_VARIANCE
    """Of returns within a group that began here, the recent ones weighing more. A state that wasn't
    tried yet counts as if it had the most."""
    returns: list[float] = field(default_factory=list)
    """The mean return of each group that began here."""

    @property
    def options(self) -> dict[str, Any]:
        """For ``reset(options=…)``, or for ``reset_group``."""
        return {"snapshot": self.snapshot}


class StateBuffer:
    """Keeps states, and draws those from which most can be learned.

    >>> buffer = StateBuffer(64)
    >>> buffer.add(env.snapshot(), messages)                       # in the middle of an episode
    >>> state = buffer.sample(rng)
    >>> envs.reset_group(options=state.options)
    >>> buffer.update(state, returns)                              # of the group

    Args:
        capacity: How many states are kept. When there are more, the one from which least can be
            learned is dropped, and its snapshot deleted.
        memory: The weight of what was known when a group's variance comes in, from 0 to 1.
        explore: The share of draws in which every state is equally likely.

    Raises:
        ValueError: A number is out of its range.
    """

    def __init__(self, capacity: int, *, memory: float = 0.5, explore: float = 0.2) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity!r}")
        for name, value in {"memory": memory, "explore": explore}.items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {value!r}")
        self.capacity = capacity
        self._memory, self._explore = memory, explore
        self.states: list[KeptState] = []
        """The oldest first."""

    def add(self, snapshot: Snapshot, prefix: Sequence[Any] = ()) -> KeptState:
        """Keep a state. From now on the snapshot is the buffer's, which deletes it."""
        state = KeptState(snapshot, tuple(prefix))
        self.states.append(state)
        if len(self.states) > self.capacity:
            self.drop(min(self.states[:-1] or self.states, key=lambda each: each.variance))
        return state

    def drop(self, state: KeptState) -> None:
        """Forget a state, and delete its snapshot."""
        self.states.remove(state)
        state.snapshot.delete()

    def sample(self, rng: np.random.Generator) -> KeptState:
        """Draw a state, in proportion to the variance of the returns from there.

        Raises:
            ValueError: The buffer is empty.
        """
        if not self.states:
            raise ValueError("the buffer is empty: add a state first")
        total = sum(state.variance for state in self.states)
        even = 1 / len(self.states)
        chances = [
            self._explore * even
            + (1 - self._explore) * (state.variance / total if total > 0 else even)
            for state in self.states
        ]
        return self.states[int(rng.choice(len(self.states), p=chances))]

    def update(self, state: KeptState, returns: Sequence[float]) -> None:
        """Learn from a group of rollouts that began at a state.

        Args:
            state: Where they began. It may have been dropped since.
            returns: The return of each rollout, from 0 to 1. One whose reward isn't valid is left
                out by the caller.
        """
        values = [float(each) for each in returns]  # an array's own numbers have no exact variance
        if values:
            state.returns.append(fmean(values))
        if len(values) > 1:  # of a single return nothing can be said
            state.variance = self._memory * state.variance + (1 - self._memory) * pvariance(values)

    def close(self) -> None:
        """Drop all states."""
        for state in tuple(self.states):
            self.drop(state)
