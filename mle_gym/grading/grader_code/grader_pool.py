"""The sandboxes that one ``grade.py`` runs in: another one when the wait for the first gets long.

One sandbox grades one submission at a time, which takes milliseconds. A submission that keeps it
busy up to its time limit must not keep those of other episodes waiting: whoever has waited for
``PATIENT_SECONDS`` has another sandbox started, up to one for each processor. Only as many slow
submissions at the same time as there are processors make others wait, and none of them for longer
than the limits of a few calls (:mod:`mle_gym.grading.grader_code.sandboxed_grader`).
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import lru_cache

from mle_gym.grading.csv.typed_columns import Values
from mle_gym.grading.grader_code.code_and_limits import GraderCode
from mle_gym.grading.grader_code.sandboxed_grader import CodeSandbox, Table, end_idle

__all__ = ["CodeSandboxPool", "shared_pool"]

PATIENT_SECONDS = 1.0
"""About what a further sandbox takes to start: a shorter wait is not worth one."""


class CodeSandboxPool:
    """Grades as a :class:`CodeSandbox` does, several submissions at the same time."""

    def __init__(self, code: GraderCode) -> None:
        self.code = code
        self.forget()
        _known.add(self)

    def score_table(self, submission: Table, answers: Table, rows: Values) -> float:
        """See :meth:`CodeSandbox.score_table`."""
        with self._lent() as grader:
            return grader.score_table(submission, answers, rows)

    def score_file(self, content: bytes, filename: str, control: Callable[[], bytes]) -> float:
        """See :meth:`CodeSandbox.score_file`."""
        with self._lent() as grader:
            return grader.score_file(content, filename, control)

    def forget(self) -> None:
        """Begin without any, as in a forked child: the sandboxes are the parent's."""
        self._door = threading.Lock()
        self._returned = threading.Condition()
        self._graders: list[CodeSandbox] = []
        """Whoever holds the lock of one grades there."""

    @contextlib.contextmanager
    def _lent(self) -> Iterator[CodeSandbox]:
        grader = self._take()
        try:
            yield grader
        finally:
            grader.lock.release()
            with self._returned:
                self._returned.notify()
            end_idle()

    def _take(self) -> CodeSandbox:
        """An idle one, locked."""
        with self._door, self._returned:  # one after the other: a slow submission starts one more
            if not self._graders:
                return self._another()
            while not (grader := self._returned.wait_for(self._idle, PATIENT_SECONDS)):
                if len(self._graders) < len(os.sched_getaffinity(0)):
                    return self._another()
            return grader

    def _idle(self) -> CodeSandbox | None:
        """The last one that is idle, locked: the first ones may grow old and be ended."""
        for grader in reversed(self._graders):
            if grader.lock.acquire(blocking=False):
                return grader
        return None

    def _another(self) -> CodeSandbox:
        """A further one, locked; its process starts with its first submission."""
        grader = CodeSandbox(self.code)
        grader.lock.acquire()
        self._graders.append(grader)
        return grader


_known: weakref.WeakSet[CodeSandboxPool] = weakref.WeakSet()


@lru_cache(maxsize=64)
def shared_pool(code: GraderCode) -> CodeSandboxPool:
    """This process's only one for that code."""
    return CodeSandboxPool(code)


def _forget_all() -> None:
    for each in list(_known):
        each.forget()


os.register_at_fork(after_in_child=_forget_all)
