"""The tables that `scripts/docs` writes are those of the code."""

from __future__ import annotations

import subprocess
import sys

from tests.docs.conftest import CHECKOUT


def test_tables_are_current() -> None:
    script = CHECKOUT / "scripts" / "update_docs.py"
    command = [sys.executable, script, "--check", "--only", "tables"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"run scripts/docs: {result.stdout}{result.stderr}"
