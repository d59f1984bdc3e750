"""Draw docs/images/demo.svg: the terminal while one real episode is played, as an animation.

python scripts/make_demo.py
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

COMMAND = ["mle-gym", "run", "titanic", "--agent", "expert"]
WIDTH, ROWS = 84, 26
"""Of the picture, in characters. The terminal scrolls when more lines have come."""
SHORTEST, LONGEST = 0.08, 1.5
"""Seconds between two lines: what is faster can't be read, and nobody waits for what is slower."""
LINE_HEIGHT, TOP, EDGE = 24.4, 41, 9
PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "demo.svg"
TEMPLATE = """\
<svg class="rich-terminal" viewBox="0 0 {width} HEIGHT" xmlns="http://www.w3.org/2000/svg">
<!-- Drawn by scripts/make_demo.py with Rich https://www.textualize.io -->
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, monospace;
    font-size: {char_height}px;
    line-height: {line_height}px;
}}
{styles}
ANIMATION
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="INSIDE" />
</clipPath>
{lines}
</defs>
<rect fill="#292929" stroke="rgba(255,255,255,0.35)" x="1" y="1" width="99.8%" height="BOX" rx="8"/>
<g transform="translate(26,22)">
<circle r="7" fill="#ff5f57"/><circle cx="22" r="7" fill="#febc2e"/>
<circle cx="44" r="7" fill="#28c840"/>
</g>
<g transform="translate({terminal_x}, TOP)" clip-path="url(#{unique_id}-clip-terminal)">
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Fields in braces are Rich's, words in capitals are ours."""


def play() -> Iterator[tuple[float, str]]:
    """Each line of the command's output, in colour, and the seconds since the line before."""
    program = Path(sys.executable).parent / COMMAND[0]
    # In colour, but with no status line, which would be drawn again and again.
    colour = {"FORCE_COLOR": "1", "TTY_INTERACTIVE": "0", "TERM": "xterm-256color"}
    environment = os.environ | colour | {"COLUMNS": str(WIDTH)}
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [program, *COMMAND[1:]],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as run,
    ):
        assert run.stdout is not None
        before = time.monotonic()
        for line in run.stdout:
            now = time.monotonic()
            yield now - before, line.rstrip("\n")
            before = now
    if run.returncode:
        raise SystemExit(f"{' '.join(COMMAND)} failed")


def draw(output: list[tuple[float, str]]) -> str:
    """The output below its command, as an SVG that shows each line when it came."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    prompt = Text.assemble(("$ ", "bold green"), (" ".join(COMMAND), "bold"))
    appears: list[float] = []
    for pause, text in [(0.0, prompt), *((p, Text.from_ansi(line)) for p, line in output)]:
        now = appears[-1] + min(max(pause, SHORTEST), LONGEST) if appears else 0.5
        appears += [now] * len(console.render_lines(text, pad=False))
        console.print(text)
    inside = ROWS * LINE_HEIGHT
    words = {
        "HEIGHT": f"{TOP + inside + EDGE:.1f}",
        "BOX": f"{TOP + inside + EDGE - 2:.1f}",
        "INSIDE": f"{inside:.1f}",
        "TOP": str(TOP),
        "ANIMATION": animation(appears).replace("{", "{{").replace("}", "}}"),
    }
    template = TEMPLATE
    for word, value in words.items():
        template = template.replace(word, value)
    return console.export_svg(title="", unique_id="demo", code_format=template)


def animation(appears: list[float]) -> str:
    """The style sheet that shows the lines one after another, and scrolls to the last ones.

    Args:
        appears: The second at which each line is there.
    """
    end = appears[-1]
    rules = [
        f'.demo-matrix text[clip-path="url(#demo-line-{number})"] {{ animation-delay: {at:.2f}s }}'
        for number, at in enumerate(appears)
    ]
    stops = [
        f"{100 * at / end:.2f}% {{ transform: translateY({(ROWS - number) * LINE_HEIGHT:.1f}px) }}"
        for number, at in enumerate(appears, start=1)
        if number > ROWS
    ]
    bottom = min(0, ROWS - len(appears)) * LINE_HEIGHT
    return "\n".join(
        [
            f".demo-matrix {{ transform: translateY({bottom:.1f}px); "
            f"animation: demo-scroll {end:.2f}s step-end both }}",
            ".demo-matrix text { animation: demo-appear 1ms both }",
            *rules,
            "@keyframes demo-appear { from { visibility: hidden } to { visibility: visible } }",
            "@keyframes demo-scroll { 0% { transform: none }",
            *stops,
            "}",
            "@media (prefers-reduced-motion: reduce) {",
            ".demo-matrix, .demo-matrix text { animation: none } }",
        ]
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(list(play())), encoding="utf-8")
    print(PICTURE)
