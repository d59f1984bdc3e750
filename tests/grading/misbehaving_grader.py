"""A ``grade.py`` that misbehaves in the way that the submission's largest number selects."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

CALLS: list[str] = []


class Odd(BaseException):
    """A BaseException that is not an ``Exception``."""


def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> Any:
    CALLS.append("another")
    return DEEDS[int(submission["y"].max())]()


def fine() -> float:
    return 0.25


def leave() -> None:
    sys.exit("bye")


def odd() -> None:
    raise Odd


def interrupt() -> None:
    raise KeyboardInterrupt


def quit_quietly() -> None:
    os._exit(0)


def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_its_parent() -> None:
    os.kill(os.getppid(), signal.SIGKILL)


def kill_everything() -> None:
    os.kill(-1, signal.SIGKILL)


def segfault() -> None:
    ctypes.string_at(0)


def nothing() -> None:
    return None


def text() -> str:
    return "0.25"


def truth() -> bool:
    return True


def nan() -> float:
    return float("nan")


def array() -> Any:
    return np.ones(2)


def loop() -> None:
    while True:
        pass


def sleep() -> None:
    time.sleep(600)


def hog() -> None:
    held = []
    while True:
        held.append(bytearray(b"x") * (50 << 20))


def recursion() -> Any:
    return recursion()


def library() -> float:
    return float(int("the answer is 42", 16))


def own_words() -> None:
    raise ValueError("y must be small")


def shout() -> float:
    print("x" * 100_000)
    for descriptor in range(1, 60):
        try:
            os.write(descriptor, b'{"score": "1.0"}\n' * 100)
        except OSError:
            continue
    return 0.25


def numpy_float() -> Any:
    return np.float32(0.25)


def whole_number() -> Any:
    return np.int64(1)


def daemon() -> float:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    return 0.25


def processes() -> float:
    return float(sum(1 for _ in Path("/proc").glob("[0-9]*/exe")))


def calls() -> float:
    return float(len(CALLS))


def network() -> float:
    socket.create_connection(("127.0.0.1", int(Path(__file__).with_name("port").read_text())), 2)
    return 0.25


def write() -> float:
    Path(__file__).with_name("written").write_text("x")
    target = Path(Path(__file__).with_name("outside").read_text())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("x")
    return 0.25


def secret() -> float:
    return float("GRADER_TEST_SECRET" in os.environ)


def read_outside() -> float:
    return float(Path(Path(__file__).with_name("outside").read_text()).parent.exists())


def folder() -> Path:
    """The grader's own exception."""
    return Path(__file__).parents[1]


def poison() -> float:
    """Change everything that the next submission's grade could come from."""
    for file in (folder() / "own", Path(__file__).parent, Path("/tmp")):
        (file / "colorsys.py").write_text("RED = 1.0")
    Path(__file__).with_name("weight").write_text("1.0")
    return 0.25


def poisoned() -> float:
    import colorsys

    weight = Path(__file__).with_name("weight")
    told = float(weight.read_text()) if weight.exists() else 0.0
    return float(getattr(colorsys, "RED", 0.0)) + told


def edit() -> float:
    weight = Path(__file__).with_name("weight")
    weight.write_text("1.0")
    os.utime(weight, ns=(0, 0))
    return 0.25


def answer_twice() -> float:
    """Prepare an answer for the next submission."""
    for name in ("answer", "ask"):
        pipe = os.open(folder() / name, os.O_RDWR)
        os.write(pipe, b'{"score": "1.0", "answers": 1, "control": true, "job": "next"}\n')
    return 0.25


def look_at_parent() -> float:
    """Whether the process that will grade the next one can be read."""
    try:
        Path(f"/proc/{os.getppid()}/mem").open("rb").close()
    except OSError:
        return 0.0
    return 1.0


DEEDS: list[Callable[[], Any]] = [
    fine, leave, odd, interrupt, quit_quietly, kill_itself, kill_its_parent, kill_everything,
    segfault, nothing, text, truth, nan, array, loop, sleep, hog, recursion, library, own_words,
    shout, numpy_float, whole_number, daemon, processes, calls, network, write, secret,
    read_outside, poison, poisoned, edit, answer_twice, look_at_parent,
]  # fmt: skip
