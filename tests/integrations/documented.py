"""The sections of ``docs/integrations.md``, each of which works where its packages are."""

from __future__ import annotations

import subprocess
import sys

from mle_gym.paths import PACKAGE

CHECKOUT = PACKAGE.parent


def run_section(title: str) -> None:
    """Run the code below a heading of the page."""
    runner, page = CHECKOUT / "tests/docs/snippets.py", CHECKOUT / "docs/integrations.md"
    program = [sys.executable, runner, page, "--section", title]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
