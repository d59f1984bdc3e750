"""Finds out what this machine and the installed mle_gym can do."""

from __future__ import annotations

import dataclasses
import functools
import shutil
import subprocess

from mle_gym.env import MLEEnv
from mle_gym.episode.settings import Settings

__all__ = ["lacks", "lacks_counter", "lacks_tracer"]

_METHODS = ("snapshot", "fork")


@functools.cache
def lacks(feature: str) -> str:
    """Why mle_gym can't do ``warm``, ``snapshot`` or ``fork``; empty if it can."""
    if feature == "warm":
        known = feature in {each.name for each in dataclasses.fields(Settings)}
        return "" if known else "this version of mle_gym has no warm Python (`warm=`)"
    if feature in _METHODS and not hasattr(MLEEnv, feature):
        return f"this version of mle_gym has no `env.unwrapped.{feature}()`"
    return ""


@functools.cache
def lacks_tracer() -> str:
    """Why system calls can't be counted here; empty if they can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    return _tried("strace", "-f", "-c", "-o", "/dev/null", "true")


@functools.cache
def lacks_counter() -> str:
    """Why instructions can't be counted here; empty if they can."""
    if not shutil.which("perf"):
        return "perf is not installed"
    return _tried("perf", "stat", "-x,", "-e", "instructions:u", "true")


def _tried(program: str, *arguments: str) -> str:
    result = subprocess.run([program, *arguments], capture_output=True, text=True)
    if result.returncode or "<not" in result.stderr:
        return f"{program} can't count here: this machine or its permissions forbid it"
    return ""
