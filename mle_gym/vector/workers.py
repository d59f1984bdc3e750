"""Threads, each of which calls one environment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

__all__ = ["Worker", "end_all"]


class Worker:
    """A daemon thread that calls one environment.

    All calls are made in the same thread, because a sandbox may die with the thread that started
    it. It is a daemon, so that a running command doesn't keep the interpreter from exiting.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=_serve, args=(self._calls,), name=name, daemon=True)
        self._thread.start()

    def submit(self, function: Callable[[], Any]) -> Future[Any]:
        """Call a function in the thread."""
        future: Future[Any] = Future()
        self._calls.put((future, function))
        return future

    def end(self) -> None:
        """Let the thread end after the calls that were submitted."""
        self._calls.put(None)

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()


def _serve(calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]) -> None:
    while (call := calls.get()) is not None:
        future, function = call
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)
        del call, future, function  # otherwise an idle thread would keep an environment alive


def end_all(workers: Sequence[Worker]) -> None:
    """Let every worker end, without waiting."""
    for worker in workers:
        worker.end()
