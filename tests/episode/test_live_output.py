"""A command's output as text, line by line, while it comes."""

from __future__ import annotations

import logging

import pytest

from mle_gym.episode.live_output import LiveOutput, LiveText
from mle_gym.sandbox.protocol import Printed
from mle_gym.text import clean

COLOURED = b"\x1b[31mred\x1b[0m\n"
LINK = (
    b"\x1b]8;;http://x/\nstill the address\x07name\n"
    + "\x1bPq\n\x9c".encode()
    + b"a\x1b]b\x1b[1mc\n"
)
BAR = b" 10%\r 50%\r100%\n"
ALL = b"plain\n" + COLOURED + BAR + "Ünïcode\r\n".encode() + LINK + b"the \xff end"


class Shown:
    def __init__(self) -> None:
        self.all: list[LiveOutput] = []

    def __call__(self, output: LiveOutput) -> None:
        self.all.append(output)

    @property
    def lines(self) -> str:
        return "".join(each.lines for each in self.all)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_however_it_comes_the_lines_are_a_beginning_of_the_observation(size: int) -> None:
    shown = Shown()
    live = LiveText(shown, 20_000, "note\n")
    for start in range(0, len(ALL), size):
        live(Printed(ALL[start : start + size]))
        assert clean(b"note\n" + ALL).startswith(shown.lines)
        assert "\x1b" not in shown.all[-1].newest
    assert shown.lines + shown.all[-1].newest == clean(b"note\n" + ALL)


def test_a_progress_bar_is_seen_moving() -> None:
    shown = Shown()
    live = LiveText(shown, 20_000)
    for part in (b" 10%", b"\r 50%", b"\r100%"):
        live(Printed(part))
    assert [each.newest for each in shown.all] == [" 10%", " 50%", "100%"]
    assert shown.lines == ""


def test_of_the_newest_output_one_line_is_shown_in_passing() -> None:
    shown = Shown()
    LiveText(shown, 20_000)(Printed(b"ut off\nepoch 7\n", newest=True))
    assert shown.all == [LiveOutput("", "epoch 7")]


def test_a_sandbox_that_sends_more_than_it_may_fills_no_memory() -> None:
    shown = Shown()
    live = LiveText(shown, 100)
    for _ in range(50):
        live(Printed(b"x" * 1000))
    assert len(shown.all[-1].newest) <= 100


def test_a_display_that_fails_is_logged_once_and_fails_no_step(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(output: LiveOutput) -> None:
        raise OSError("the terminal is gone")

    live = LiveText(broken, 100)
    with caplog.at_level(logging.ERROR):
        live(Printed(b"a\n"))
        live(Printed(b"b\n"))
    assert len(caplog.records) == 1
