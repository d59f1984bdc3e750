"""Calls a vector environment's environments, each in its own thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from queue import Empty, SimpleQueue
from typing import Any

from mle_gym.vector.member import Member

__all__ = ["Calls"]

_INTERRUPT_SECONDS = 10.0
"""How long commands may take to end after a Ctrl-C, before their episodes are ended."""


class Calls:
    """Calls all members at the same time, or some whose results are taken as they arrive."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self.in_flight: set[int] = set()
        """Members with a launched call whose result was not taken yet."""
        self._finished: SimpleQueue[tuple[int, Future[Any]]] = SimpleQueue()

    def together(self, calls: Mapping[int, Callable[[], Any]]) -> dict[int, Any]:
        """Make one call of each member. All have ended when this returns."""
        if self.in_flight:
            raise ValueError(f"environments {sorted(self.in_flight)} are busy: recv() them first")
        futures = {i: self._members[i].worker.submit(function) for i, function in calls.items()}
        try:
            wait(futures.values())
        except BaseException:  # Ctrl-C: end the commands, and keep the episodes
            self._interrupt(futures)
            raise
        return {i: future.result() for i, future in futures.items()}

    def launch(self, i: int, function: Callable[[], Any]) -> None:
        """Start a call whose result :meth:`take` will return."""
        if i in self.in_flight:
            raise ValueError(f"environment {i} is still busy: recv() it first")
        self.in_flight.add(i)
        future = self._members[i].worker.submit(function)
        future.add_done_callback(lambda done: self._finished.put((i, done)))

    def take(self, count: int, timeout: float | None) -> list[tuple[int, Future[Any]]]:
        """Wait for the first launched calls that are done, and take them out of flight.

        Raises:
            TimeoutError: Not enough were done in time. None is lost.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        done: list[tuple[int, Future[Any]]] = []
        try:
            while len(done) < count:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                done.append(self._finished.get(timeout=left))
        except Empty:  # those that were done go back, so that the next call gets them
            for each in done:
                self._finished.put(each)
            message = f"{len(done)} of {count} environments were done within {timeout:g} s"
            raise TimeoutError(message) from None
        self.in_flight -= {i for i, _ in done}
        return done

    def give_up(self) -> None:
        """End the episodes whose calls are in flight, since nobody will take the results."""
        if self.in_flight:
            self.in_flight.clear()
            for member in self._members:
                member.env.close()

    def _interrupt(self, futures: Mapping[int, Future[Any]]) -> None:
        """End the running commands, or their episodes if the commands don't end soon."""
        for i in futures:
            self._members[i].interrupt()
        try:
            wait(futures.values(), timeout=_INTERRUPT_SECONDS)
        finally:
            for i, future in futures.items():
                if not future.done():
                    self._members[i].env.close()
