"""A redacted record is true and replayable, and reveals nothing about the machine that made it."""

from __future__ import annotations

import contextlib
import json
import platform
import sys
from pathlib import Path

import gymnasium
import pytest

from mle_gym.trajectories import redaction
from mle_gym.trajectories.redaction import redactor
from mle_gym.trajectories.replay import replay
from mle_gym.trajectories.trajectory import Trajectory
from mle_gym.trajectories.verify.run_verification import verify_trajectory
from tests.trajectories.verify.conftest import Scripted

SHOW = f"echo {sys.prefix} {sys.base_prefix}; echo /home/alice/x.py on $HOST"


@pytest.mark.bubblewrap
def test_a_redacted_record_is_true_and_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mle_gym.trajectories.rollout import rollout

    monkeypatch.setattr(platform, "node", lambda: "lab-17.example.org")
    monkeypatch.setattr(redaction.getpass, "getuser", lambda: "alice")
    path = tmp_path / "zoo.jsonl"
    actions = (SHOW, "echo alice at lab-17; cp data/sample_submission.csv submission.csv; submit")
    with contextlib.closing(gymnasium.make("mle/zoo-v0", sandbox="bubblewrap")) as env:
        seen = rollout(env, Scripted(actions), seed=0, path=path, redact=True)
    assert sys.prefix in seen.steps[0].observation["output"]  # the caller's own is unchanged
    text = path.read_text()
    known = [sys.prefix, sys.base_prefix, str(Path.cwd()), "lab-17", "alice", platform.release()]
    assert not [name for name in known if name in text]
    assert Trajectory.read(path).header["redacted"] is True
    assert "redacted-user at redacted-host" in text
    assert verify_trajectory(path).verdict == "confirmed"
    assert replay(path).differences == ()


def test_only_whole_names_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction.getpass, "getuser", lambda: "ann")
    monkeypatch.setattr(platform, "node", lambda: "localhost")
    value = {
        "a": ["annual ann", 1, None, "/homely/x /home/x/y.py:3"],
        "task": "/data/t",
        "b": "root",
    }
    expected = {"a": ["annual redacted-user", 1, None, "/homely/x /redacted/path:3"], "b": "root"}
    assert redactor()({**value, "task": "/data/t"}) == expected
    assert json.dumps(redactor()({"task": "zoo"})) == '{"task": "zoo"}'
