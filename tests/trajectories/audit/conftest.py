"""Records as an environment writes them, of actions that a test makes up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mle_gym.trajectories.audit import Audit, audit_trajectory
from mle_gym.trajectories.stored_submission import pack_submission
from mle_gym.trajectories.trajectory import Step, TrajectoryWriter

Audited = Callable[..., Audit]
IDS = range(892, 992)
LABELS = [int(number * number % 7 < 3) for number in IDS]
ROWS = [f"{number},{label}" for number, label in zip(IDS, LABELS, strict=True)]
SUBMISSION = "\n".join(["PassengerId,survived", *ROWS, ""])
HEADER = {
    "created": "2026-01-01",
    "task": "titanic",
    "agent": "made-up",
    "seed": None,
    "options": None,
    "env": None,
    "wrappers": [],
    "versions": {},
    "platform": "",
    "info": {},
}
FOOTER = {
    "left": None,
    "return": 0.0,
    "terminated": True,
    "truncated": False,
    "grade": None,
    "duration": 0.0,
}
BRIEF = """\
# Titanic

`data/sample_submission.csv` begins like this:

```
PassengerId,survived
892,0
893,0
894,0
```
"""


def write_record(
    path: Path,
    actions: list[Any],
    *,
    submission: str | None = SUBMISSION,
    outputs: dict[int, str] | None = None,
    **header: Any,
) -> Path:
    """A trajectory of actions; ``outputs`` says what some steps, counted from 1, showed."""
    writer = TrajectoryWriter(path)
    observation = {"output": BRIEF}
    writer.header({**HEADER, "observation": observation, **header})
    for number, action in enumerate(actions, start=1):
        shown = {"output": (outputs or {}).get(number, "")}
        writer.step(Step(action, shown, 0.0, number == len(actions), False, {}))
    packed = None if submission is None else pack_submission(submission.encode())
    writer.footer({**FOOTER, "steps": len(actions), "submission": packed})
    writer.close()
    return path


@pytest.fixture
def audited(tmp_path: Path) -> Audited:
    """Audit made-up actions, given as arguments; keywords are those of :func:`write_record`."""

    def run(*actions: Any, references: Path | None = None, **more: Any) -> Audit:
        path = tmp_path / f"{len(list(tmp_path.glob('*.jsonl')))}.jsonl"
        return audit_trajectory(write_record(path, list(actions), **more), references=references)

    return run


def rules(result: Audit) -> set[str]:
    """The rules that matched."""
    return {finding.check for finding in result.findings}


def file(path: str, content: str) -> dict[str, str]:
    """The action that writes a file."""
    return {"tool": "write_file", "path": path, "content": content}
