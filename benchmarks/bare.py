"""Commands without any sandbox, which show what the operating system itself costs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.programs import copy_of_data, naive_grade, run, temporary_folder

__all__ = ["BashSession", "PythonSession"]


END = "\0\n"
LIVE = """\
import sys
names = {}
for line in sys.stdin:
    exec(compile(eval(line), "<cell>", "exec" if r"\\n" in line else "single"), names)
    print("\\0", flush=True)
"""
"""The least that can be called a live interpreter: it runs one cell after the other, each in a line
of its own, and says when it is done."""


class BashSession:
    """A temporary folder with a copy of the data: ``bash -c`` for each command, ``cp`` to fork."""

    idle: tuple[str | Path, ...] = ("bash",)
    """A process that waits for input, as the counterpart of an idle session."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._start()

    def _start(self) -> None:
        self.folder = self.new_folder()
        try:
            self._process = subprocess.Popen(
                self.idle,
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except BaseException:
            shutil.rmtree(self.folder)
            raise

    def new_folder(self) -> Path:
        """The folder that an episode begins with."""
        folder = temporary_folder()
        try:
            copy_of_data(self._task, folder)
        except BaseException:
            shutil.rmtree(folder)
            raise
        return folder

    def reset(self) -> None:
        self.close()
        self._start()

    def trivial(self) -> None:
        run(["bash", "-c", "true"], self.folder)

    def shell(self, command: str) -> None:
        run(["bash", "-c", command], self.folder)

    def write(self, path: str, content: str) -> None:
        (self.folder / path).write_text(content, encoding="utf-8")

    def script(self, path: str) -> None:
        run([sys.executable, path], self.folder)

    def cell(self, code: str) -> None:
        raise NotImplementedError("bash is no interpreter of Python")

    def submit(self, path: str) -> float:
        return naive_grade(self.folder / path, self._task)

    def snapshot(self) -> Callable[[], None]:
        return partial(shutil.rmtree, self._copy())

    def fork(self) -> Callable[[], None]:
        copy = self._copy()
        run(["bash", "-c", "true"], copy)
        return partial(shutil.rmtree, copy)

    def processes(self) -> set[int]:
        return set()

    def close(self) -> None:
        self._process.communicate()
        shutil.rmtree(self.folder)

    def _copy(self) -> Path:
        copy = temporary_folder()
        run(["cp", "-a", f"{self.folder}/.", str(copy)])
        return copy


class PythonSession(BashSession):
    """Like `BashSession`, with Python for the steps in which the interpreter matters."""

    idle = (sys.executable, "-c", LIVE)

    def cell(self, code: str) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{code!r}\n")
        self._process.stdin.flush()
        while (line := self._process.stdout.readline()) != END:
            if not line:
                raise RuntimeError("the interpreter has ended")

    def trivial(self) -> None:
        run([sys.executable, "-c", "pass"], self.folder)
