"""Sandboxes that are started ahead: each environment's next episode finds its sandbox waiting.

A kind is everything that a backend makes a sandbox of, except what can be brought in later. A spare
is only given to a sandbox of its kind, and only once. It is started when a client (an environment)
makes the second sandbox of a kind, since a script that plays a single episode has no use for one.
Spares end when no client of their kind is left, when their launcher ends (so with this process,
however that ends), and, by the launcher, when nobody has claimed them for a while.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["MOST", "Client", "Spare", "Spares", "current_spares"]

MOST = 8
"""How many spares of all kinds may wait."""


class Client:
    """Something that makes one sandbox after the other, such as an environment."""

    def __init__(self) -> None:
        self.left = 0
        """How often it has left. What was begun for it before that comes too late."""

    def __reduce__(self) -> tuple[type[Client], tuple[()]]:
        """A copy is another client."""
        return Client, ()


class Spare(Protocol):
    """A sandbox that no episode uses yet."""

    def claim(self, sources: Sequence[str]) -> bool:
        """Take it for an episode, with these folders in it; False if it can't be used any more."""

    def close(self) -> None:
        """End it."""


S = TypeVar("S", bound=Spare)


class _Kind(Generic[S]):
    def __init__(self, made_of: Any) -> None:
        self.made_of = made_of
        self.clients: weakref.WeakSet[Client] = weakref.WeakSet()
        self.waiting: deque[S] = deque()


class Spares(Generic[S]):
    """Keeps sandboxes ready. Thread-safe.

    All clients of a kind share its spares. There are no more of them than clients, and than
    processors, since more resets don't happen at the same time.
    """

    def __init__(self) -> None:
        self._kinds: list[_Kind[S]] = []
        self._lock = threading.Lock()
        self._most_of_a_kind = len(os.sched_getaffinity(0))

    def take(self, made_of: Any) -> S | None:
        """Take a spare of this kind, if one waits.

        Args:
            made_of: Equal for sandboxes of one kind.
        """
        with self._lock:
            kind = self._find(made_of)
            return kind.waiting.popleft() if kind and kind.waiting else None

    def prepare(
        self, made_of: Any, client: Client, start: Callable[[], S], left: int | None = None
    ) -> None:
        """Note that a client has made a sandbox of this kind; start the next one if it may come.

        Args:
            made_of: As for :meth:`take`.
            client: Who will want it.
            start: Starts one, without waiting until it is ready. If it raises, there is no spare.
            left: How often the client had left when this was asked for; None for now.
        """
        with self._lock:
            if left not in (None, client.left):
                return
            kind = self._find(made_of) or _Kind(made_of)
            comes_again = client in kind.clients
            unused = self._leave(client, but=kind)
            kind.clients.add(client)
            if kind not in self._kinds:
                self._kinds.append(kind)
            wanted = min(len(kind.clients), self._most_of_a_kind)
            waiting = sum(len(each.waiting) for each in self._kinds)
            if comes_again and len(kind.waiting) < wanted and waiting < MOST:
                with contextlib.suppress(Exception):
                    kind.waiting.append(start())
        _close(unused)

    def prepare_soon(self, made_of: Any, client: Client, start: Callable[[], S]) -> None:
        """Like :meth:`prepare`, in a thread of its own: no reset has to wait for that."""
        asked = made_of, client, start, client.left
        work = threading.Thread(target=self.prepare, args=asked, daemon=True)
        work.start()

    def leave(self, client: Client) -> None:
        """Note that a client makes no more sandboxes."""
        with self._lock:
            client.left += 1
            unused = self._leave(client)
        _close(unused)

    def waiting(self) -> list[S]:
        """The spares that wait, of all kinds."""
        with self._lock:
            return [spare for kind in self._kinds for spare in kind.waiting]

    def _find(self, made_of: Any) -> _Kind[S] | None:
        return next((kind for kind in self._kinds if kind.made_of == made_of), None)

    def _leave(self, client: Client, but: _Kind[S] | None = None) -> list[S]:
        """Take a client from all kinds except one; returns the spares that nobody will want."""
        unused: list[S] = []
        for kind in self._kinds[:]:
            if kind is not but:
                kind.clients.discard(client)
                if not kind.clients:
                    self._kinds.remove(kind)
                    unused += kind.waiting
        return unused


def _close(unused: list[S]) -> None:
    """Close spares, outside of the lock."""
    for spare in unused:
        spare.close()


_current: Spares[Any] = Spares()


def current_spares() -> Spares[Any]:
    """This process's spares."""
    return _current


def _forget() -> None:
    """Let go of the spares after a fork, because they belong to the parent."""
    global _current
    _current = Spares()


os.register_at_fork(after_in_child=_forget)
