"""Draw docs/images/demo.svg: the terminal while one real episode is played.

python scripts/make_demo.py
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

COMMAND = ["mle-gym", "run", "titanic", "--agent", "solution"]
WIDTH = 84
PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "demo.svg"
WEB_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Rich's picture would fetch fonts from the network, but any monospaced font will do."""


def play() -> str:
    """The command's output, in colour."""
    program = Path(sys.executable).parent / COMMAND[0]
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [program, *COMMAND[1:]],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=True,
        )
    return run.stdout.decode()


def draw(output: str) -> str:
    """The output below its command, as an SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "bold green"), (" ".join(COMMAND), "bold")))
    console.print(Text.from_ansi(output))
    picture = console.export_svg(title="mle-gym", unique_id="demo")
    return WEB_FONTS.sub("", picture).replace("Fira Code", "ui-monospace")


if __name__ == "__main__":
    PICTURE.write_text(draw(play()), encoding="utf-8")
    print(PICTURE)
