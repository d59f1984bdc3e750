"""The documents, and a virtual environment that scripts use as their own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import sandbox  # noqa: F401

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((CHECKOUT / "docs").glob("*.md")),
]
ENVIRONMENTS = sorted((CHECKOUT / "docs" / "environments").glob("*.md"))
"""The page of each environment, written by ``scripts/docs``, and the gallery."""


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Variables with which ``scripts/*`` find everything installed, and can't install anything.

    Their virtual environment is a folder whose programs are those of the running interpreter.
    """
    venv, tools = tmp_path / "venv", tmp_path / "tools"
    python = shlex.quote(sys.executable)
    write_program(venv / "bin" / "python", f'exec {python} "$@"')
    write_program(venv / "bin" / "mle-gym", f'exec {python} -c "{ENTRY}" "$@"')
    for name in ("apt-get", "sudo"):
        write_program(tools / name, "exit 1")
    with (CHECKOUT / "pyproject.toml").open() as file:
        checksum = subprocess.check_output(["cksum"], stdin=file, text=True).strip()
    (venv / ".mle-gym-dev").write_text(f"{CHECKOUT} {checksum}\n")
    return dict(os.environ) | {"VENV": str(venv), "PATH": f"{tools}:{os.environ['PATH']}"}


ENTRY = "from mle_gym.cli import main; main()"


def write_program(path: Path, script: str) -> None:
    """Write an executable shell script, never through a link to one of this machine's programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
