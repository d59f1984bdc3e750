"""A fresh bash for each command; directory and exported variables are data that carry over."""

from __future__ import annotations

import os
import signal

LONGEST_ARGUMENT = 100_000
"""Linux refuses a single argument of 128 KiB or more, so longer scripts go by file."""

DEFAULT_SIGNALS = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGTERM,
)
"""Ignored by Python or by the runner; a command starts with their defaults."""

_START = """\
echo 500 2>/dev/null >/proc/self/oom_score_adj; \
[ -f "{run}/environment" ] && . "{run}/environment"; \
trap '{{ printf "%s\\0" "$PWD"; declare -px; printf "\\0"; }} 2>/dev/null >"{run}/state"' EXIT; \
{body}"""
"""One line, so that bash counts the agent's lines from 1. The saved state is what ``declare``
prints: bash quotes it and bash reads it back, nothing here parses it."""


class Shell:
    """Starts commands where the last one ended."""

    def __init__(self, bash: str, workspace: str, run: str, environment: dict[str, str]) -> None:
        self._bash, self._workspace, self._run = bash, workspace, run
        self._environment = environment
        self._directory = workspace

    def start(self, script: bytes, output: int) -> int:
        """Start bash on a script, with its output going to the descriptor; returns its pid."""
        self._enter_directory()
        saved = os.path.exists(f"{self._run}/environment")
        return os.posix_spawn(
            self._bash,
            self._arguments(script),
            {} if saved else self._environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
            setsigdef=DEFAULT_SIGNALS,
        )

    def take_over(self) -> None:
        """Adopt the state of the shell that just ended; a shell that left none changes nothing."""
        path = f"{self._run}/state"
        try:
            with open(path, "rb") as file:
                directory, environment, end = file.read(1 << 24).split(b"\0", 2)
            if environment and not end:
                with open(f"{self._run}/environment", "wb") as file:
                    file.write(environment)
                self._directory = os.fsdecode(directory)
            os.unlink(path)
        except (OSError, ValueError):
            return

    def _enter_directory(self) -> None:
        """Go to where the last command ended, or to the workspace if that folder is gone."""
        for directory in (self._directory, self._workspace):
            try:
                os.chdir(directory)
                return
            except OSError:
                continue
        os.chdir("/")

    def _arguments(self, script: bytes) -> list[bytes]:
        body, arguments = b'eval "$1"', [script]
        if len(script) > LONGEST_ARGUMENT:
            path = f"{self._run}/command"
            with open(path, "wb") as file:
                file.write(script)
            body, arguments = f'. "{path}"'.encode(), []
        text = _START.format(run=self._run, body="").encode() + body
        return [b"bash", b"--noprofile", b"--norc", b"-c", text, b"bash", *arguments]
