"""The columns: ways to run an agent's commands. All of them open sessions with one interface."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from benchmarks import aide, bare, docker_exec, ours
from benchmarks.features import lacks
from benchmarks.measure import Skip, explain

__all__ = ["Contender", "Session", "all_contenders"]


class Session(Protocol):
    """One workspace with a task's data in ``data/``, in which commands run one after the other."""

    def reset(self) -> None:
        """End this episode and begin another."""

    def trivial(self) -> None:
        """Take the smallest possible step."""

    def shell(self, command: str) -> None:
        """Run a shell command that must succeed."""

    def write(self, path: str, content: str) -> None:
        """Write a file."""

    def script(self, path: str) -> None:
        """Run a Python script that must succeed."""

    def cell(self, code: str) -> None:
        """Run a cell in an interpreter that lives on from one to the next."""

    def submit(self, path: str) -> float:
        """Submit a CSV file and return its score. Ends the episode."""

    def snapshot(self) -> Callable[[], object]:
        """Take a snapshot of the workspace; the returned function deletes it."""

    def fork(self) -> Callable[[], object]:
        """Make a second, running workspace like this one; the returned function ends it."""

    def processes(self) -> set[int]:
        """Processes that serve such sessions and are not descendants of this process."""

    def close(self) -> None:
        """End it and free everything."""


@dataclass(frozen=True)
class Contender:
    """One column."""

    name: str
    what: str
    """One line for the legend."""
    open: Callable[[str], Session]
    """Start a session on a task."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """What it can't do, or what another column shows better, and why."""
    program: tuple[str, ...] = ()
    """A command that imports what its users import."""
    make: Callable[[], object] | None = None
    """Makes an environment, if that is a separate step."""
    probe: Callable[[], None] = lambda: None
    """Raises if this contender can't run here."""
    ours: bool = False
    through_daemon: bool = False
    """Whether a daemon that others also use does part of the work."""

    def reason(self) -> str:
        """Why it can't run here; empty if it can."""
        try:
            self.probe()
        except Exception as error:
            return explain(error)
        return ""

    def need(self, feature: str) -> None:
        """Raise :class:`Skip` if it lacks a feature."""
        if self.lacks.get(feature):
            raise Skip(self.lacks[feature])


def all_contenders(aide_python: Path | None = None) -> list[Contender]:
    """Every column, whether or not it can run here.

    Args:
        aide_python: An interpreter that has ``aideml``; this one by default.
    """
    other = aide_python or Path(sys.executable)
    return [
        Contender(
            "bare bash",
            "`bash -c` in a folder with a copy of the data; no sandbox",
            bare.BashSession,
            lacks=dict.fromkeys(("python", "program", "grading", "cells"), "see bare python"),
        ),
        Contender(
            "bare python",
            "`python script.py` in a folder with a copy of the data; no sandbox",
            bare.PythonSession,
            lacks=dict.fromkeys(("snapshot", "fork", "reset"), "see bare bash"),
            program=(sys.executable, "-c", "import gymnasium"),
        ),
        _ours("bubblewrap", warm=True),
        _ours("bubblewrap", warm=False),
        _ours("docker", warm=True),
        _ours("docker", warm=False),
        _ours("subprocess", warm=False),
        Contender(
            "docker exec",
            "a container for each episode, the SDK's `exec_run` for each command",
            docker_exec.DockerExecSession,
            lacks={
                "grading": "see bare python",
                "cells": "each command is a process of its own",
            },
            program=(sys.executable, "-c", "import docker"),
            probe=docker_exec.probe,
            through_daemon=True,
        ),
        Contender(
            "AIDE",
            "aideml's interpreter: a process forked for each run; no sandbox",
            lambda task: aide.AideSession(task, other),
            lacks={
                "grading": "see bare python",
                "snapshot": "AIDE has no snapshots",
                "fork": "AIDE has no forks of its workspace",
            },
            program=(str(other), "-c", "import aide"),
            probe=partial(aide.probe, other),
        ),
    ]


def _ours(backend: str, *, warm: bool) -> Contender:
    arguments = ours.Arguments(backend, warm)
    temper = "warm" if warm else "cold"
    alone = backend == "subprocess"
    return Contender(
        backend if alone else f"{backend} {temper}",
        f"mle_gym, sandbox={backend!r}, {temper} Python" + (", no isolation" if alone else ""),
        lambda task: ours.EnvironmentSession(task, arguments),
        lacks={feature: lacks(feature) for feature in ("snapshot", "fork")},
        program=(sys.executable, "-c", "import gymnasium, mle_gym"),
        make=partial(ours.make, "titanic", arguments),
        probe=partial(ours.probe, arguments),
        ours=True,
        through_daemon=backend == "docker",
    )
