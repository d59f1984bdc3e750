"""Agents as an evaluation may meet them."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any


class Sample:
    """Hands in the sample submission, or what a class below does first."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.turn: dict[str, Any] = {"tokens": 100, "cost": 0.5, "seconds": 0.01}

    def reset(self, observation: Any, info: Any) -> None:
        print("I begin with seed", self.seed)

    def act(self, observation: Any, info: Any) -> Any:
        return "cp data/sample_submission.csv submission.csv && submit"


class Raises(Sample):
    def act(self, observation: Any, info: Any) -> Any:
        raise ValueError("no idea")


class Exits(Sample):
    def act(self, observation: Any, info: Any) -> Any:
        sys.exit(3)


class Dies(Sample):
    def act(self, observation: Any, info: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


class Leaves(Sample):
    def act(self, observation: Any, info: Any) -> Any:
        os._exit(0)


class Hangs(Sample):
    def act(self, observation: Any, info: Any) -> Any:
        if observation["steps_left"] < 3:
            time.sleep(1000)
        return "true"


class CannotStart(Sample):
    def __init__(self) -> None:
        raise OSError("no model here")


class Talks(Sample):
    """Never submits; its budget ends it."""

    def act(self, observation: Any, info: Any) -> Any:
        return "echo more"


class Slow(Sample):
    def act(self, observation: Any, info: Any) -> Any:
        time.sleep(0.4)
        return super().act(observation, info)


class Boasts(Talks):
    """Says of its turns what can't be, in between what can."""

    ODD = (
        {"tokens": float("nan"), "cost": float("inf")},
        {"tokens": -(10**30), "cost": -1e308},
        {"tokens": "many", "cost": True, "calls": [1]},
        {"tokens": 60.5, "seconds": "long"},
    )

    def act(self, observation: Any, info: Any) -> Any:
        self.turn = self.ODD[int(observation["steps_left"]) % 4]
        return super().act(observation, info)
