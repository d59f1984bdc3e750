"""The interpreter of AIDE (``pip install aideml``), which forks a fresh process for every run.

It runs in a separate process, as it does in AIDE: forked children start with what AIDE imports
(including pandas), and not with what this benchmark imports.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from pathlib import Path

from benchmarks.bare import BashSession
from benchmarks.measure import Skip

__all__ = ["AideSession", "probe"]

HOST = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
import aide
interpreter = None
for line in sys.stdin:
    folder, code, lives_on = json.loads(line)
    answer = None
    if folder:
        if interpreter:
            interpreter.cleanup_session()
        interpreter = aide.Interpreter(folder, timeout=600)
    else:
        fresh = not lives_on or interpreter.process is None
        result = interpreter.run(code, reset_session=fresh)
        if result.exc_type:
            answer = "".join(result.term_out)[-300:] or result.exc_type
    print(json.dumps(answer), file=answers, flush=True)
interpreter.cleanup_session()
"""


@functools.cache
def probe(python: Path) -> None:
    """Raise :class:`Skip` unless that interpreter can import ``aide``."""
    result = subprocess.run([python, "-c", "import aide"], capture_output=True, text=True)
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Skip(f"`import aide` fails ({reason}): pip install aideml, or --aide-python PATH")


class AideSession(BashSession):
    """One AIDE interpreter with its working folder. Its process outlives resets."""

    def __init__(self, task: str, python: Path) -> None:
        self.idle = (python, "-c", HOST)
        super().__init__(task)
        try:
            self._ask(str(self.folder), "")
        except BaseException:
            self.close()
            raise

    def reset(self) -> None:
        shutil.rmtree(self.folder)
        self.folder = self.new_folder()
        self._ask(str(self.folder), "")

    def trivial(self) -> None:
        self._ask("", "pass")

    def shell(self, command: str) -> None:
        self._ask("", f"import subprocess; subprocess.run({command!r}, shell=True, check=True)")

    def script(self, path: str) -> None:
        self._ask("", (self.folder / path).read_text(encoding="utf-8"))

    def cell(self, code: str) -> None:
        self._ask("", code, lives_on=True)

    def _ask(self, folder: str, code: str, *, lives_on: bool = False) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([folder, code, lives_on]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the interpreter of AIDE ended with {self._process.wait()}")
        error = json.loads(line)
        if error:
            raise RuntimeError(error)
