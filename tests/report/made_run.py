"""Runs as ``mle-gym eval`` and a search leave them, by the real writers; nothing is played."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from mle_gym.chat.model_budget import Spent
from mle_gym.evaluation.evaluation_folder import EvaluationFolder
from mle_gym.evaluation.plan import AgentEntry, Episode, Plan
from mle_gym.evaluation.result import Result
from mle_gym.grading.grade import Grade
from mle_gym.search.run_folder import RunFolder
from mle_gym.search.tree import ROOT, Node, Tree
from mle_gym.trajectories.trajectory import Step, TrajectoryWriter

__all__ = ["HOSTILE", "SUBMISSION", "make_run", "make_search", "write_record"]

HOSTILE = (
    "</script><script>window.owned=1</script><img src=x onerror=window.owned=2>"
    '"><svg/onload=window.owned=3> <a href="javascript:window.owned=4">x</a> <!--'
    " \x1b[2J\x1b]0;title\x07 \u202efdp.exe\u202c \u2066\u200b\ud800 {{data}} \u2028 &lt;b&gt;"
)
"""What an agent might print to take the page over, to hide something or to break its file."""
SUBMISSION = Grade(
    task="titanic", variant=0, valid=True, metric="accuracy", higher_is_better=True, score=0.81,
    public_score=0.79, normalized=0.81, anchored=0.9, floor=0.6, ceiling=0.83,
    score_ci=(0.77, 0.85), rank=12, percentile=0.7, board="110 reference models",
    thresholds={"median": 0.77}, beats_median=True, beats_floor=True, rows=418,
).to_dict()  # fmt: skip


def make_run(
    path: Path,
    *,
    agents: tuple[str, ...] = ("careful", "hasty"),
    tasks: tuple[str, ...] = ("mle/titanic-v0", "mle/wine-v0"),
    seeds: int = 3,
    recorded: bool = True,
) -> Path:
    """Write an evaluation in which the first agent is better, and the second one's last seed fails.

    The first task's last seed isn't played yet; its record has begun.
    """
    plan = Plan(
        agents=tuple(AgentEntry(name=name, agent=name) for name in agents),
        tasks=tuple(task.removeprefix("mle/") for task in tasks),
        seeds=tuple(range(seeds)),
        ids={task.removeprefix("mle/"): task for task in tasks},
    )
    folder = EvaluationFolder(path)
    folder.write_plan(plan)
    for episode in plan.episodes:
        last = episode.seed == seeds - 1
        if recorded:
            longest = 10_000_000 if episode == next(plan.episodes) else 20
            path_of_record = folder.trajectory_path(episode)
            write_record(path_of_record, episode.agent, done=not last, longest=longest)
        if not (last and episode.env_id == tasks[0]):
            folder.write_result(episode, _result(episode, plan, last, recorded))
    return path


def make_search(path: Path) -> Path:
    """Write a search whose second draft was improved once, after an attempt that failed."""
    nodes = (
        Node(1, ROOT, "draft", HOSTILE, "raise SystemExit(1)", HOSTILE, None, problem="it failed"),
        Node(2, ROOT, "draft", "a forest", "print(1)", "1", 0.7, spent=Spent(calls=1)),
        Node(3, 2, "improve", "a larger forest", "print(2)", "2", 0.8),
    )
    folder = RunFolder(path, {})
    tree = Tree(higher_is_better=True, nodes=nodes)
    values = {"best": 3, "result": None, "running": [], "spent": tree.spent().to_dict()}
    nodes_as_json = [node.to_dict() for node in tree]
    folder.save({"higher_is_better": True, "seconds": 9.0, "nodes": nodes_as_json, **values})
    for node in nodes:
        write_record(folder.attempt(node.number), "search")
    return path


def _result(episode: Episode, plan: Plan, last: bool, recorded: bool) -> Result:
    first = episode.agent == plan.agents[0].name
    values: dict[str, Any] = {
        "agent": episode.agent, "task": episode.env_id, "variant": episode.variant,
        "seed": episode.seed, "status": "graded", "integrity": "clean", "steps": 4,
        "seconds": 12.5 if first else 3.0,
        "trajectory": f"episodes/{episode.id}.jsonl" if recorded else None,
    }  # fmt: skip
    if first or not last:
        return Result(**values).graded(SUBMISSION | {"anchored": 0.9 if first else 0.4})
    values |= {"status": "agent_failed", "reason": "ZeroDivisionError", "message": HOSTILE}
    return Result(**values | {"integrity": "violation", "findings": ("private-data",)})


def write_record(path: Path, agent: str, *, done: bool = True, longest: int = 20) -> None:
    """Write an episode in which hostile output, edits, a score and a model's turns occur.

    Args:
        path: The file.
        agent: The name in the record.
        done: Whether it is played to its end.
        longest: The length of a line of output.
    """
    with contextlib.closing(TrajectoryWriter(path)) as writer:
        header = {"agent": agent, "task": "titanic", "variant": 0, "seed": 0, "created": "2026"}
        observation = {"output": "# Titanic\n", "exit_code": 0}
        rest = {"observation": observation, "info": {}, "env": None, "options": None}
        writer.header(header | rest)
        for number, step in enumerate(_steps(done, longest), start=1):
            writer.step(step)
            if not done and number == 2:
                return
        writer.footer({"left": None, "steps": 5, "grade": SUBMISSION, "duration": 12.5})


def _steps(done: bool, longest: int) -> list[Step]:
    create = {"tool": "write_file", "path": "train.py", "content": "import os\nx = 1\nprint(x)\n"}
    edit = {"tool": "edit_file", "path": "train.py", "old": "x = 1", "new": "x = 2"}
    turn = {"model": "m", "text": f"I think {HOSTILE}", "tokens": 900, "cost": 0.01, "seconds": 2.0}
    graded = {"grade": SUBMISSION, "validation": {"valid": True, "code": "", "message": ""}}
    return [
        _step("for i in 1 2; do echo $i; done  # look", HOSTILE, 3.0, turn=turn),
        _step(create, "wrote\n", 4.0),
        _step(edit, "edited\n", 5.0),
        _step("python train.py\nscore", "x" * longest + "\n", 9.0, exit_code=1),
        _step({"tool": "score"}, "public score: 0.79000 (4 calls left)\n", 9.5),
        _step({"tool": "submit"}, "", 12.5, info=graded, terminated=done, reward=0.81),
    ]


def _step(action: Any, output: str, time: float, **values: Any) -> Step:
    exit_code, info = values.pop("exit_code", 0), values.pop("info", {})
    return Step(
        action=action,
        observation={"output": output, "exit_code": exit_code},
        reward=values.pop("reward", 0.0),
        terminated=values.pop("terminated", False),
        truncated=False,
        info={"execution": {"duration": 0.5, "peak_memory_mb": 20.0}, **info},
        time=time,
        turn=values.pop("turn", None),
    )
