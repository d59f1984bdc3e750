"""Shows an episode as a terminal would: as text, as a picture, or live on the real terminal.

>>> screen = Screen("mle/titanic-v0")
>>> screen.show(Frame(command="$ ls", output="data", exit_code=0, status="49 steps left"))
>>> print(screen.text())
$ ls
data
"""

from __future__ import annotations

import functools
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from mle_gym.episode.actions.action import Cell, Shell
from mle_gym.episode.actions.parse import parse_action
from mle_gym.errors import ActionError
from mle_gym.text import spelled_out

__all__ = ["Frame", "Screen", "describe"]

COLUMNS, ROWS = 100, 30
"""Size of the terminal in characters. A picture has 10 x 20 pixels for each."""
KEPT_FRAMES = 20
"""How many frames are kept for ``text``. A picture shows as many as fit."""
KEPT_CHARACTERS = 20_000
"""How much is shown of a command (its beginning) and of an output (its end)."""

_BACKGROUND = (24, 26, 33)
_BAR = (44, 49, 62)
_STYLES = {
    "output": (208, 211, 218),
    "command": (126, 200, 122),
    "error": (236, 112, 99),
    "bar": (150, 190, 240),
}


@dataclass(frozen=True)
class Frame:
    """One step as it is shown."""

    command: str
    """What the agent did; empty for the brief."""
    output: str
    exit_code: int
    status: str
    """One line about the episode: steps and time left, and at the end the score."""

    @classmethod
    def of(cls, command: str, observation: Mapping[str, Any], info: Mapping[str, Any]) -> Frame:
        """The frame of what ``reset`` or ``step`` returned."""
        minutes, seconds = divmod(int(np.asarray(observation["seconds_left"]).item()), 60)
        status = f"{observation['steps_left']} steps and {minutes}:{seconds:02} left"
        grade = info.get("grade")
        if grade is not None:
            result = "invalid" if grade["score"] is None else f"{grade['score']:.4g}"
            status += f" · score {result} {grade['medal']}".rstrip()
        return cls(command, observation["output"], observation["exit_code"], status)


@dataclass
class Screen:
    """The terminal of one environment."""

    title: str
    frames: deque[Frame] = field(default_factory=lambda: deque(maxlen=KEPT_FRAMES))

    def clear(self) -> None:
        """Forget the last episode."""
        self.frames.clear()

    def show(self, frame: Frame) -> None:
        """Add a step."""
        self.frames.append(frame)

    def text(self) -> str:
        """The last steps as plain text: each command after a prompt, then its output."""
        return "\n".join(line for frame in self.frames for line, _ in _lines(frame))

    def picture(self) -> npt.NDArray[np.uint8]:
        """The terminal's picture, always (600, 1000, 3), with a status bar on top."""
        lines = [
            (row, style)
            for frame in self.frames
            for line, style in _lines(frame)
            for row in _wrap(line)
        ]
        shown = [(self._bar(), "bar"), *lines[-(ROWS - 1) :]]
        return _paint(shown)

    def print_last(self) -> None:
        """Print the newest step, in colour if the terminal has any."""
        # Only this mode needs Rich, which is slow to import.
        from mle_gym.clean_console import CleanConsole

        console = CleanConsole(sys.stdout, soft_wrap=True)
        for line, style in _lines(self.frames[-1]):
            console.print(line, style="rgb({},{},{})".format(*_STYLES[style]))
        console.print(self._bar(), style="dim")

    def _bar(self) -> str:
        status = self.frames[-1].status if self.frames else ""
        room = max(0, COLUMNS - len(status) - 1)
        return (f" {self.title}"[:room].ljust(room) + f"{status} ")[:COLUMNS]


def describe(action: object) -> str:
    """An action as a terminal shows it: ``$ ls``, ``>>> 1 + 1``, ``read_file a.py``."""
    try:
        parsed = parse_action(action)
    except ActionError:
        return f"(malformed action: {type(action).__name__})"
    if isinstance(parsed, Shell):
        return spelled_out(f"$ {parsed.command[:KEPT_CHARACTERS]}")
    if isinstance(parsed, Cell):
        return spelled_out(f">>> {parsed.code[:KEPT_CHARACTERS]}".replace("\n", "\n... "))
    shown = [parsed.tool, spelled_out((getattr(parsed, "path", None) or "")[:COLUMNS])]
    texts = [getattr(parsed, name, None) for name in ("content", "new")]
    shown += [f"({len(text)} characters)" for text in texts if isinstance(text, str)]
    return " ".join(filter(None, shown))


def _lines(frame: Frame) -> Iterator[tuple[str, str]]:
    """A frame's lines with their styles."""
    for line in frame.command.splitlines():
        yield line.expandtabs(), "command"
    output = frame.output[-KEPT_CHARACTERS:].rstrip("\n")
    for line in output.split("\n") if output else ():
        yield line.expandtabs(), "output"
    if frame.exit_code:
        yield f"[exit code {frame.exit_code}]", "error"


def _wrap(line: str) -> list[str]:
    """A line cut into rows of the terminal. An empty line is also a row."""
    return [line[i : i + COLUMNS] for i in range(0, max(len(line), 1), COLUMNS)]


@functools.cache
def _glyphs() -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The sorted code points that have a glyph, and the glyphs in grey levels: (n, 20, 10)."""
    with resources.files("mle_gym.episode").joinpath("glyphs.npz").open("rb") as file:
        arrays = np.load(file)
        return arrays["codes"], arrays["alpha"]


def _paint(lines: list[tuple[str, str]]) -> npt.NDArray[np.uint8]:
    """Rows of text as a picture. The first row is the bar.

    All cells are drawn in one array operation: a loop over 3,000 glyphs would slow down recording.
    """
    codes, alpha = _glyphs()
    cells = np.full((ROWS, COLUMNS), ord(" "), dtype=np.uint32)
    foreground = np.full((ROWS, 1, 3), _STYLES["output"], dtype=np.uint16)
    background = np.full((ROWS, 1, 3), _BACKGROUND, dtype=np.uint16)
    background[0] = _BAR
    for row, (line, style) in enumerate(lines):
        cells[row, : len(line)] = [ord(character) for character in line]
        foreground[row] = _STYLES[style]
    index = np.minimum(np.searchsorted(codes, cells), len(codes) - 1)
    index[codes[index] != cells] = int(np.searchsorted(codes, 0xFFFD))
    _, height, width = alpha.shape
    ink = alpha[index].swapaxes(1, 2).reshape(ROWS, height * COLUMNS * width, 1).astype(np.uint16)
    pixels = (foreground * ink + background * (255 - ink)) // 255
    return pixels.astype(np.uint8).reshape(ROWS * height, COLUMNS * width, 3)
