"""How ``run``, ``play`` and ``replay`` say how an episode ended: in words, JSON and exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.text import Text

from mle_gym.cli.console import ExitCode, emit, err, out
from mle_gym.cli.grade_panel import grade_panel
from mle_gym.episode.conditions import conditions_line, conditions_of
from mle_gym.trajectories.spending import spent_in
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["finish", "print_result", "result_data"]


def finish(trajectory: Trajectory, path: Path, as_json: bool) -> NoReturn:
    """Print how an episode ended, and exit accordingly."""
    result = result_data(trajectory, path)
    if as_json:
        emit(result)
    else:
        print_result(trajectory)
        out().print(Text.assemble(("trajectory  ", "dim"), str(path)), soft_wrap=True)
    if trajectory.failure:
        why = f"{trajectory.failure['kind']}: {trajectory.failure['message']}"
        err().print(Text.assemble(("error: ", "bold red"), why), soft_wrap=True)
        callers = trajectory.failure["cause"] == "caller"  # a reward that --reward names, say
        raise typer.Exit(ExitCode.USAGE if callers else ExitCode.ENVIRONMENT)
    valid = trajectory.grade is not None and trajectory.grade["valid"]
    raise typer.Exit(ExitCode.OK if valid else ExitCode.NOT_OK)


def result_data(trajectory: Trajectory, path: Path) -> dict[str, Any]:
    """How an episode went, as plain data."""
    header, footer = trajectory.header, trajectory.footer or {}
    last = trajectory.steps[-1] if trajectory.steps else None
    return {
        "task": header["task"],
        "variant": header["variant"],
        "agent": header["agent"],
        "seed": header["seed"],
        "steps": len(trajectory.steps),
        "return": trajectory.episode_return,
        "terminated": bool(last and last.terminated),
        "truncated": bool(last and last.truncated),
        "left": trajectory.left,
        "failure": trajectory.failure,
        "reward_valid": trajectory.failure is None,
        "duration": footer.get("duration"),
        "spent": spent.to_dict() if (spent := spent_in(trajectory)).calls else None,
        "grade": trajectory.grade,
        "conditions": conditions_of(header.get("settings") or {}),
        "trajectory": str(path),
    }


def print_result(trajectory: Trajectory) -> None:
    """Print how an episode went, for people."""
    if trajectory.grade:
        out().print(grade_panel(trajectory.grade))
    if trajectory.left:
        label = "ended early: " if trajectory.grade else "not graded: "
        reason = Text.assemble((label, "bold"), trajectory.left)
        out().print(reason, soft_wrap=True)
    if (spent := spent_in(trajectory)).calls:
        out().print(Text.assemble(("model       ", "dim"), str(spent)), soft_wrap=True)
    if line := conditions_line(trajectory.header.get("settings") or {}):
        out().print(Text.assemble(("conditions  ", "dim"), line), soft_wrap=True)
    reward = trajectory.episode_return
    out().print(Text.assemble(("reward      ", "dim"), (f"{reward:.5g}", "bold")))
