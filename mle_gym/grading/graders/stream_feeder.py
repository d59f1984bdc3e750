"""Feeds a submitted program inside its sandbox: chunks in over its standard input, answers out.

The host has the chunks. It hands over the next one only when an answer to the one before has come,
whoever in the sandbox sends it. So nothing that a program does to this process shows it the future.
Only the standard library is used, so that any Python runs it.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

ANSWER = Path("/tmp/answer-to-chunk")


def main(entry: str, exchange: str) -> int:
    """Run the program until there are no more chunks; returns its exit code."""
    pipe = subprocess.PIPE
    program = subprocess.Popen([sys.executable, entry], stdin=pipe, stdout=pipe)
    if program.stdin is None or program.stdout is None:
        raise AssertionError("both were asked for")
    answer: bytes | None = b""
    while answer is not None:
        ANSWER.write_bytes(answer)
        asked = subprocess.run([exchange, str(ANSWER)], stdout=pipe, check=False)
        if asked.returncode:
            with contextlib.suppress(BrokenPipeError):
                program.stdin.close()
            return program.wait()
        answer = None
        with contextlib.suppress(BrokenPipeError):
            program.stdin.write(asked.stdout.rstrip(b"\n") + b"\n\n")
            program.stdin.flush()
            answer = read_answer(program.stdout)
    return program.wait() or 1  # it ended too early, or with an answer that is cut off


def read_answer(pipe: IO[bytes]) -> bytes | None:
    """The lines up to an empty one; None if the program ended before it."""
    lines: list[bytes] = []
    while line := pipe.readline():
        if not line.strip():
            return b"".join(lines)
        lines.append(line)
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
