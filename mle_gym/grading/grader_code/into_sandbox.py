"""What goes into a grader's sandbox: files, tables, and the commands that run its program.

The program (:mod:`mle_gym.grading.grader_code.program_inside`) reads lines from one named pipe and
writes lines to another. A command that waits for a line also watches that the program is alive.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from mle_gym.errors import SandboxCrashed
from mle_gym.grading.csv.typed_columns import Values
from mle_gym.grading.grader_code.call_outcome import tail
from mle_gym.sandbox.protocol import Execution, Sandbox

__all__ = ["START", "Table", "ask", "put", "table_bytes"]

Table = Mapping[str, Values]
"""Columns by name, of the same length, id included."""

PIECE = 128 << 20
"""Bytes that go into a sandbox at a time."""

_WAIT = """
line=
until IFS= read -r -t 1 part <&4; do
    line+=$part
    kill -0 "$(<server)" 2>/dev/null || { tail -c 1000 log; exit 70; }
done
printf '%s\\n' "$line$part"
"""
"""Reads one line. Each second it checks that the program is alive; a read may end within a line."""
START = f"""
mkfifo ask answer && exec 3<>ask 4<>answer || exit 71
python grader_program.py <&3 >&4 2>log 3<&- 4<&- &
echo $! >server
{_WAIT}"""
"""Starts the program, and waits until it has loaded ``grade.py``."""


def ask(job: dict[str, Any]) -> str:
    """The command that has one submission graded and prints the answer."""
    line = shlex.quote(json.dumps(job))
    return f"exec 3<>ask 4<>answer\nprintf '%s\\n' {line} >&3\n{_WAIT}"


def put(sandbox: Sandbox, name: str, content: bytes) -> None:
    """Write a file inside, a large one piece by piece."""
    _done(sandbox.write_file(name, content[:PIECE]))
    for start in range(PIECE, len(content), PIECE):
        _done(sandbox.write_file("piece", content[start : start + PIECE]))
        _done(sandbox.execute(f"cat piece >>'{name}' && rm piece", timeout=60))


def _done(run: Execution) -> None:
    if run.exit_code != 0:
        raise SandboxCrashed(f"a file can't be put into the grader's sandbox: {tail(run)}")


def table_bytes(table: Table, rows: Values) -> bytes:
    """Some rows as JSON, which keeps integers, floats and text as they are."""
    chosen = {name: column[rows] for name, column in table.items()}
    columns = {name: (str(column.dtype), column.tolist()) for name, column in chosen.items()}
    return json.dumps(columns, ensure_ascii=False, separators=(",", ":")).encode()
