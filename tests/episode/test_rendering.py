from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mle_gym.episode.rendering import KEPT_FRAMES, Frame, Screen, describe

SHAPE = (600, 1000, 3)


def screen(*frames: Frame) -> Screen:
    made = Screen("mle/titanic-v0")
    for frame in frames:
        made.show(frame)
    return made


def test_text_shows_commands_output_and_failures_in_order() -> None:
    shown = screen(
        Frame("", "The brief.\n", 0, ""),
        Frame("$ ls", "data\ntrain.py\n", 0, ""),
        Frame("$ python train.py", "", 1, ""),
    )
    assert shown.text().splitlines() == [
        "The brief.",
        "$ ls",
        "data",
        "train.py",
        "$ python train.py",
        "[exit code 1]",
    ]


def test_old_frames_scroll_away() -> None:
    frames = [Frame(f"$ echo {i}", "", 0, "") for i in range(KEPT_FRAMES + 5)]
    assert screen(*frames).text().splitlines()[0] == "$ echo 5"


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [Frame("", "", 0, "")],
        [Frame("$ cat", "x" * 50_000, 0, "s" * 300)],
        [Frame("$ cat", "\n" * 5_000, 255, "")],
        [Frame("$ cat", "模型 \U0001f600 \u202e\tü│█", 0, "")] * 30,
    ],
    ids=["nothing", "blank", "long line", "many lines", "other scripts"],
)
def test_pictures_have_one_size_and_type(frames: list[Frame]) -> None:
    picture = screen(*frames).picture()
    assert picture.shape == SHAPE
    assert picture.dtype == np.uint8


def test_a_picture_shows_what_is_written_where_it_is_written() -> None:
    empty = screen(Frame("", "", 0, "")).picture()
    picture = screen(Frame("", "\n    X", 0, "")).picture()
    rows, columns = np.nonzero((picture != empty).any(axis=2))
    assert rows.min() >= 40  # below the bar and an empty line
    assert rows.max() < 60
    assert columns.min() >= 40
    assert columns.max() < 50


def test_different_characters_have_different_pictures() -> None:
    pictures = {screen(Frame("", c, 0, "")).picture().tobytes() for c in "aàλ│█→0O"}
    assert len(pictures) == 8


def test_failures_and_commands_stand_out_in_colour() -> None:
    def colours(frame: Frame) -> set[tuple[int, ...]]:
        return {tuple(pixel) for pixel in screen(frame).picture()[20:].reshape(-1, 3)}

    red = colours(Frame("", "", 1, ""))
    green = colours(Frame("[exit code 1]", "", 0, ""))
    assert len(red ^ green) > 2


def test_a_picture_shows_the_newest_lines() -> None:
    tail = [Frame("", "\n".join(map(str, range(100, 200))), 0, "")]
    assert np.array_equal(
        screen(Frame("$ ls", "old", 0, ""), *tail).picture(), screen(*tail).picture()
    )


def test_printing_shows_the_newest_step(capsys: pytest.CaptureFixture[str]) -> None:
    screen(Frame("$ a", "one", 0, ""), Frame("$ b", "[red]two[/red]", 3, "9 left")).print_last()
    printed = capsys.readouterr().out
    assert "one" not in printed
    assert printed.splitlines()[:3] == ["$ b", "[red]two[/red]", "[exit code 3]"]
    assert "9 left" in printed.splitlines()[3]


ACTIONS: list[tuple[Any, str]] = [
    ("ls -la", "$ ls -la"),
    ("a\nb", "$ a\nb"),
    ({"tool": "python", "code": "x = 1\nx"}, ">>> x = 1\n... x"),
    ("bell \x07 \x1b[31mred", "$ bell \u2407 \u241b[31mred"),
    ({"tool": "write_file", "path": "a.py", "content": "xyz"}, "write_file a.py (3 characters)"),
    ({"tool": "submit"}, "submit"),
    ({"tool": "read_file", "path": "a\x1b[31m.py"}, "read_file a\u241b[31m.py"),
    ({"tool": "nope"}, "(malformed action: dict)"),
    (3, "(malformed action: int)"),
]


@pytest.mark.parametrize(("action", "shown"), ACTIONS, ids=[shown for _, shown in ACTIONS])
def test_actions_are_described_harmlessly(action: object, shown: str) -> None:
    assert describe(action) == shown


def test_a_frame_says_what_is_left_and_how_it_ended() -> None:
    observation = {"output": "", "exit_code": 0, "steps_left": 7, "seconds_left": np.array(61.9)}
    assert Frame.of("", observation, {}).status == "7 steps and 1:01 left"
    graded = {"grade": {"score": 0.78123456, "medal": "gold"}}
    assert Frame.of("", observation, graded).status.endswith("· score 0.7812 gold")
    invalid = {"grade": {"score": None, "medal": ""}}
    assert Frame.of("", observation, invalid).status.endswith("· score invalid")
