from __future__ import annotations

from pathlib import Path

from mle_gym.evaluation.evaluation_folder import EvaluationFolder
from mle_gym.evaluation.plan import Episode
from mle_gym.evaluation.result import Result


def test_a_result_is_read_back_whatever_an_agent_says(tmp_path: Path) -> None:
    folder, episode = EvaluationFolder(tmp_path), Episode("a", "x", "mle/x-v0", 0, 0)
    values = {"agent": "a", "task": "mle/x-v0", "variant": 0, "seed": 0}
    result = Result(**values, status="agent_failed", message="é \x1b[2J \x00 \u202e \ud800")
    folder.write_result(episode, result)
    found = folder.read_result(episode)
    assert found is not None
    assert found.message == "é \x1b[2J \x00 \u202e ?"
