"""The sandboxes that one ``grade.py`` runs in: more of them when a submission has to wait.

A sandbox grades one submission at a time, usually in milliseconds. A submission that keeps it busy
up to the time limit must not block other episodes. So after a wait of ``PATIENT_SECONDS`` another
sandbox is started, up to one for each processor. Others wait only if there are as many slow
submissions at the same time as processors, and no longer than the limits of a few calls
(:mod:`mle_gym.grading.grader_code.code_sandbox`).
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from mle_gym.grading.csv.typed_columns import Values
from mle_gym.grading.grader_code.code_and_limits import GraderCode
from mle_gym.grading.grader_code.code_sandbox import CodeSandbox
from mle_gym.grading.grader_code.into_sandbox import Table
from mle_gym.grading.grader_code.living_sandboxes import end_idle
from mle_gym.grading.score import Score
from mle_gym.sandbox import Files

__all__ = ["CodeSandboxPool", "shared_pool"]

PATIENT_SECONDS = 1.0
"""About as long as a sandbox takes to start: for a shorter wait it isn't worth starting one."""


class CodeSandboxPool:
    """Grades as a :class:`CodeSandbox` does, several submissions at the same time."""

    def __init__(self, code: GraderCode) -> None:
        self.code = code
        self.forget()
        _known.add(self)

    def score_table(
        self, submission: Table, answers: Table, rows: Values, private: Path | None = None
    ) -> Score:
        """See :meth:`CodeSandbox.score_table`."""
        with self._lent() as grader:
            return grader.score_table(submission, answers, rows, private)

    def score_files(self, files: Files, control: Callable[[], Files]) -> Score:
        """See :meth:`CodeSandbox.score_files`."""
        with self._lent() as grader:
            return grader.score_files(files, control)

    def score_file(self, content: bytes, filename: str, control: Callable[[], bytes]) -> Score:
        """See :meth:`CodeSandbox.score_file`."""
        with self._lent() as grader:
            return grader.score_file(content, filename, control)

    def forget(self) -> None:
        """Begin without sandboxes, as in a forked child: they belong to the parent."""
        self._door = threading.Lock()
        self._returned = threading.Condition()
        self._graders: list[CodeSandbox] = []
        """A thread grades in the one whose lock it holds."""

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
        with self._door, self._returned:  # one waits at a time: a slow submission starts one more
            if not self._graders:
                return self._another()
            while not (grader := self._returned.wait_for(self._idle, PATIENT_SECONDS)):
                if len(self._graders) < len(os.sched_getaffinity(0)):
                    return self._another()
            return grader

    def _idle(self) -> CodeSandbox | None:
        """The newest idle one, locked: the oldest may then be ended as unused."""
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
    """The one pool of this process for that code."""
    return CodeSandboxPool(code)


def _forget_all() -> None:
    for each in list(_known):
        each.forget()


os.register_at_fork(after_in_child=_forget_all)
