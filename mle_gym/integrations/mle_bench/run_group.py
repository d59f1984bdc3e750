"""Writes episodes as a group of runs in MLE-bench's layout, for its tools and for other graders.

OUT/metadata.json                                       the runs by id, as run_agent.py writes it
OUT/submissions.jsonl                                   a line for each, for `mlebench grade`
OUT/spooky-author-identification_1f0c2a9b/submission/submission.csv
OUT/spooky-author-identification_1f0c2a9b/logs/agent.log
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mle_gym.errors import TaskError, TrajectoryError
from mle_gym.integrations.mle_bench.published import competitions
from mle_gym.integrations.mle_bench.submissions import PREFIX
from mle_gym.text import clean_text
from mle_gym.trajectories.stored_submission import unpack_submission
from mle_gym.trajectories.trajectory import Step, Trajectory

__all__ = ["RunGroup", "write_run_group"]

MOST_UNPACKED = 1 << 30
"""Bytes of one submission; records may come from anybody."""
SUBMISSION = Path("submission", "submission.csv")
LOG = Path("logs", "agent.log")


@dataclass(frozen=True)
class RunGroup:
    """What was written."""

    folder: Path
    runs: int
    submissions: int
    """How many of the runs handed something in."""
    left_out: int
    """Records of episodes that have not ended, or ended by a failure of the machinery: they say
    nothing of the agent."""


def write_run_group(records: Iterable[Path], folder: Path) -> RunGroup:
    """Write the episodes in records as runs. Several of one competition are several seeds.

    Args:
        records: Trajectories, in the order of their seeds.
        folder: The group's folder, which must not exist yet.

    Raises:
        FileExistsError: The folder exists.
        TrajectoryError: A record is damaged.
        OSError: A file can't be read or written.
    """
    folder.mkdir(parents=True)
    runs: dict[str, dict[str, Any]] = {}
    left_out = submissions = 0
    with (folder / "submissions.jsonl").open("w", encoding="utf-8") as lines:
        for path in records:
            trajectory = Trajectory.read(path)
            if not trajectory.complete or trajectory.failure:
                left_out += 1
                continue
            competition = _competition(trajectory)
            run = f"{competition}_{hashlib.sha256(f'{len(runs)} {path}'.encode()).hexdigest()[:8]}"
            submitted = _write_run(trajectory, folder / run, path)
            submissions += submitted
            runs[run] = {"agent": _text(trajectory.header.get("agent")), "record": path.name}
            lines.write(json.dumps(_line(competition, folder / run, submitted)) + "\n")
    metadata = {
        "run_group": folder.resolve().name,
        "created_at": datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S-%Z"),
        "runs": runs,
    }
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=4), encoding="utf-8")
    return RunGroup(folder, len(runs), submissions, left_out)


def _line(competition: str, run: Path, submitted: bool) -> dict[str, str | None]:
    """A line as MLE-bench's make_submission.py writes it."""
    return {
        "competition_id": competition,
        "submission_path": (run / SUBMISSION).as_posix() if submitted else None,
        "logs_path": (run / LOG).as_posix(),
        "code_path": None,
    }


def _competition(trajectory: Trajectory) -> str:
    """The name of the competition on Kaggle, or that of a task of our own.

    Raises:
        TaskError: It can't be the name of a folder.
    """
    name = _text(trajectory.header.get("task")).removeprefix(PREFIX)
    if not name or set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-"):
        raise TaskError(f"expected the id of a task, found {name[:80]!r}")
    known = {each.lower(): each for each in competitions()}
    return known.get(name, name)


def _write_run(trajectory: Trajectory, run: Path, record: Path) -> bool:
    """Write the files of one run; whether it has a submission."""
    (run / LOG).parent.mkdir(parents=True)
    log = "\n".join(_shown(step) for step in trajectory.steps)
    (run / LOG).write_text(log, encoding="utf-8", errors="replace")
    packed = (trajectory.footer or {}).get("submission")
    if packed is None:
        return False
    try:
        content = unpack_submission(packed, MOST_UNPACKED)
    except (ValueError, TypeError, KeyError) as error:
        raise TrajectoryError(f"{record}: submission.{error}") from error
    (run / SUBMISSION).parent.mkdir()
    (run / SUBMISSION).write_bytes(content)
    return True


def _shown(step: Step) -> str:
    action = step.action if isinstance(step.action, str) else json.dumps(step.action)
    return f"$ {clean_text(action)}\n{clean_text(_text(step.observation.get('output')))}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
