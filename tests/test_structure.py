"""How the package is laid out, as far as import-linter's contract can't say it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mle_gym.paths import PACKAGE, bundled

NAMES_USED_TWICE = {"__init__.py", "backend.py", "outcome.py"}
"""Each backend has a ``backend.py``."""


PREPARE_FILES = sorted(bundled("envs").glob("*/prepare.py"))


def test_no_two_modules_bear_one_name() -> None:
    names = Counter(path.name for path in PACKAGE.rglob("*.py") if "_bundled" not in path.parts)
    assert len(names) > 100
    assert {name for name, count in names.items() if count > 1} <= NAMES_USED_TWICE


def test_importing_the_environment_loads_nothing_heavy() -> None:
    program = (
        "import sys, mle_gym.env\n"
        "heavy = 'pandas sklearn scipy docker pydantic rich typer PIL filelock asyncio'.split()\n"
        "assert not set(heavy) & set(sys.modules), sorted(set(heavy) & set(sys.modules))\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def imported(file: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.parametrize("file", PREPARE_FILES, ids=lambda file: file.parent.name)
def test_what_prepares_a_task_uses_the_toolkit_alone(file: Path) -> None:
    ours = {name for name in imported(file) if name.split(".")[0] == "mle_gym"}
    assert ours <= {"mle_gym.datasets.toolkit", "mle_gym.errors"}
