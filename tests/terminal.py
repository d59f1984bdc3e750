"""A program in a terminal of its own, and a person who types."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from pathlib import Path


class Terminal:
    """A program in its own terminal."""

    def __init__(self, *arguments: str, cache: Path | None = None, columns: int = 100) -> None:
        self.screen = ""
        self._master, slave = pty.openpty()
        self.resize(columns)
        environment = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "PAGER": "cat"}
        environment.pop("COLUMNS", None)
        if cache is not None:
            environment["MLE_GYM_CACHE"] = str(cache)
        self.process = subprocess.Popen(
            arguments,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # Ctrl-C reaches it
            env=environment,
        )
        os.close(slave)

    def resize(self, columns: int, rows: int = 40) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """Read until a text appears; returns the screen up to it and forgets it."""
        deadline = time.monotonic() + seconds
        while text not in self.screen:
            ready, _, _ = select.select([self._master], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {text!r} in {self.screen}"
            self.screen += os.read(self._master, 4096).decode(errors="replace")
        before, _, self.screen = self.screen.partition(text)
        return before

    def press(self, key: str, *, until: str) -> None:
        """Press a key, again if necessary: one pressed just as the prompt appears may get lost."""
        for _ in range(10):
            self.type(key)
            with contextlib.suppress(AssertionError):
                self.wait_for(until, seconds=3)
                return
        raise AssertionError(f"no {until!r} in {self.screen}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
