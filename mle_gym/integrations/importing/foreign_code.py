"""Runs another benchmark's functions in a separate process: jobs in, results out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mle_gym.errors import DatasetError
from mle_gym.sandbox.installation.packages import distribution_of

__all__ = ["ForeignCode", "Job", "Result"]

PROGRAM = Path(__file__).with_name("foreign_code_process.py")
SECONDS = 24 * 3600.0
"""How long a preparation may run. Some unpack hundreds of gigabytes."""
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
"""The environment variables that the process sees, none of which has a credential."""

Job = dict[str, str]
Result = dict[str, str]


@dataclass(frozen=True)
class ForeignCode:
    """Another benchmark's checkout, and a Python with the packages that it requires."""

    benchmark: str
    """``"mle-bench"`` or ``"mle-dojo"``."""
    root: Path
    """The folder with its package."""
    python: str = sys.executable

    def run(self, jobs: Sequence[Job], seconds: float = SECONDS) -> list[Result]:
        """Do the jobs in one process. Returns one result for each, in order.

        Raises:
            DatasetError: The process could not be run, was killed, or requires a package that this
                Python doesn't have; the message says what to install.
        """
        with tempfile.TemporaryDirectory(prefix="mle-gym-") as folder:
            request, answer, log = (Path(folder, name) for name in ("request", "answer", "log"))
            content = {"benchmark": self.benchmark, "root": str(self.root), "jobs": list(jobs)}
            request.write_text(json.dumps(content), encoding="utf-8")
            with log.open("wb") as output:
                code = self._call([str(request), str(answer)], output.fileno(), folder, seconds)
            if code != 0 or not answer.is_file():
                raise DatasetError(self._died(code, log, seconds))
            results: list[Result] = json.loads(answer.read_text(encoding="utf-8"))
        for result in results:
            if result.get("error") == "missing":
                raise DatasetError(self._lacks(result["message"]))
        return results

    def _call(self, words: list[str], output: int, folder: str, seconds: float) -> int | None:
        """The exit code; None if the time ran out. No process of its group survives."""
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        try:
            process = subprocess.Popen(
                [self.python, "-I", str(PROGRAM), *words],
                # The process ends when its standard input does, even if this one is killed.
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            reason = f"{self.python} can't be run: {error.strerror}"
            raise DatasetError(f"{reason}; import {self.benchmark} again with --python") from None
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError, PermissionError):  # if all of them have ended
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdin is not None:
                process.stdin.close()
            process.wait()

    def _died(self, code: int | None, log: Path, seconds: float) -> str:
        tail = log.read_bytes()[-1000:].decode(errors="replace").strip()
        how = f"ran for over {seconds:g} s" if code is None else f"ended with exit code {code}"
        return f"{self.benchmark} in {self.root}: its code {how}: {tail or 'it printed nothing'}"

    def _lacks(self, module: str) -> str:
        top = module.partition(".")[0]
        own = {"mle-bench": "mlebench", "mle-dojo": "mledojo"}[self.benchmark]
        if top == own:
            return f"{self.root}: expected a checkout with {module!r}, found none"
        return (
            f"{self.benchmark} requires the Python module {module!r}, which {self.python} doesn't "
            f"have: {self.python} -m pip install {distribution_of(module)}; or name another Python "
            f"that has everything: mle-gym import {self.benchmark} PATH --python PYTHON"
        )
