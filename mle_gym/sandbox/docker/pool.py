"""Containers that are started ahead of time, because a start takes longer than most steps."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, Protocol, TypeVar

__all__ = ["AHEAD_VARIABLE", "MOST_WAITING", "Pool", "Poolable", "containers_ahead"]

AHEAD_VARIABLE = "MLE_GYM_DOCKER_POOL"
"""The environment variable that says how many containers of a kind to have ready; 0 for none."""
MOST_WAITING = 8
"""How many containers of all kinds may wait; the least recently used kinds lose theirs first."""
_MOST_KINDS = 64
_LAST_WAIT_SECONDS = 60.0


def containers_ahead() -> int:
    """What ``$MLE_GYM_DOCKER_POOL`` says; 1 unless it is set.

    Raises:
        ValueError: It is not a number from 0 to :data:`MOST_WAITING`.
    """
    text = os.environ.get(AHEAD_VARIABLE) or "1"
    if not text.isdecimal() or int(text) > MOST_WAITING:
        raise ValueError(f"{AHEAD_VARIABLE}={text!r}: expected a number from 0 to {MOST_WAITING}")
    return int(text)


class Poolable(Protocol):
    """What the pool needs of a container."""

    @property
    def open(self) -> bool:
        """Whether nobody has closed it."""

    @property
    def untouched(self) -> bool:
        """Whether it is alive, and nothing has happened since it started."""

    def abandon(self) -> None:
        """Let go of it without ending it, in a forked child."""

    def discard(self) -> None:
        """Close it without waiting."""

    def close(self) -> None:
        """End and remove it."""


C = TypeVar("C", bound=Poolable)


class _Kind(Generic[C]):
    """Containers that are made in the same way."""

    def __init__(self) -> None:
        self.ready: deque[Future[C]] = deque()
        """Started or being started, and not given to anybody yet."""
        self._given: list[C] = []
        self._comes_again = False

    def comes_again(self) -> bool:
        """Whether one was requested after another had been closed, as when episode follows episode.

        A vector environment that opens eight at the same time, or a script that plays a single
        episode, has no use for another one.
        """
        if any(not container.open for container in self._given):
            self._comes_again = True
            self._given.clear()
        return self._comes_again

    def remember(self, container: C) -> None:
        """Note that a container was given to somebody."""
        if not self._comes_again:
            self._given.append(container)


class Pool(Generic[C]):
    """Keeps a few containers ready of each kind that is used again and again.

    Each container is given only once, unused. Thread-safe.
    """

    def __init__(self) -> None:
        self._kinds: OrderedDict[str, _Kind[C]] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = False

    def take(self, key: str, start: Callable[[], C], ahead: int) -> tuple[C, bool]:
        """Return a container that nobody has used, and whether it had been waiting.

        Args:
            key: Equal for containers that are made in the same way.
            start: Makes one; the pool's own threads call it too.
            ahead: How many to have ready for later calls.
        """
        promised = self._claim(key, start, ahead)
        container = _result_or_none(promised) if promised else None
        if container is not None and not container.untouched:
            container.discard()
            container = None
        # In a thread too: a Ctrl-C in the middle of the daemon's work would lose its result.
        taken = container or _result(_started(start, wait_at_exit=True))
        waited = container is not None
        with self._lock:
            self._kind(key).remember(taken)
        return taken, waited

    def waiting(self) -> int:
        """How many containers wait or are being started."""
        with self._lock:
            return sum(len(kind.ready) for kind in self._kinds.values())

    def close(self) -> None:
        """End all waiting containers, and start none ahead of time from now on."""
        with self._lock:
            self._closed = True
            left = [future for kind in self._kinds.values() for future in kind.ready]
            self._kinds.clear()
        for future in left:
            with contextlib.suppress(Exception):
                future.result(_LAST_WAIT_SECONDS).close()

    def abandon(self) -> None:
        """Let go of waiting containers in a forked child, because they belong to the parent."""
        for kind in self._kinds.values():
            for future in kind.ready:
                if future.done() and future.exception() is None:
                    future.result().abandon()

    def _claim(self, key: str, start: Callable[[], C], ahead: int) -> Future[C] | None:
        """Claim a waiting container, if there is one, and start the next ones."""
        with self._lock:
            kind = self._kind(key)
            claimed = kind.ready.popleft() if kind.ready else None
            if kind.comes_again() and not self._closed:
                for _ in range(ahead - len(kind.ready)):
                    kind.ready.append(_started(start))
            surplus = self._surplus()
        for future in surplus:
            future.add_done_callback(_discard)
        return claimed

    def _kind(self, key: str) -> _Kind[C]:
        """The kind with this key, which becomes the most recently used one."""
        kind = self._kinds.pop(key, None) or _Kind()
        self._kinds[key] = kind
        return kind

    def _surplus(self) -> list[Future[C]]:
        """Take out containers beyond the limits, of the least recently used kinds first."""
        surplus: list[Future[C]] = []
        while len(self._kinds) > _MOST_KINDS:
            surplus += self._kinds.popitem(last=False)[1].ready
        excess = sum(len(kind.ready) for kind in self._kinds.values()) - MOST_WAITING
        for kind in self._kinds.values():
            while excess > 0 and kind.ready:
                surplus.append(kind.ready.popleft())
                excess -= 1
        return surplus


def _started(start: Callable[[], C], *, wait_at_exit: bool = False) -> Future[C]:
    """Start a container in a thread of its own, for which an ending process may wait."""
    future: Future[C] = Future()

    def work() -> None:
        try:
            future.set_result(start())
        except BaseException as error:
            future.set_exception(error)

    name = "mle-gym container"
    threading.Thread(target=work, name=name, daemon=not wait_at_exit).start()
    return future


def _result(future: Future[C]) -> C:
    """Return the container, or raise the reason why there is none."""
    try:
        return future.result()
    except BaseException as error:
        if not (future.done() and future.exception() is error):  # interrupted: nobody will use it
            future.add_done_callback(_discard)
        raise


def _result_or_none(future: Future[C]) -> C | None:
    """Return the container, or None if it could not start. Starting the next will say why."""
    with contextlib.suppress(Exception):
        return _result(future)
    return None


def _discard(future: Future[C]) -> None:
    if future.exception() is None:
        future.result().discard()
