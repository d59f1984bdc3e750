"""What the submit commands may cost the process that answers them."""

from __future__ import annotations

import pytest

from mle_gym.episode import submit_commands
from mle_gym.episode.submit_commands import SubmitCommands
from mle_gym.sandbox import Request
from tests.grading.toys import Toy

MASKS = Toy("dice", {"id": "int", "y": "str"}, [(row, "1 1") for row in range(500)])
LONG_MASK = b" ".join(b"%d 1" % (2 * run) for run in range(1, 1200))


def commands_of(toy: Toy, feedback: str) -> SubmitCommands:
    commands = SubmitCommands(toy.grader._dataset, feedback=feedback, score_calls=9)
    commands.__dict__["_grader"] = toy.grader
    return commands


@pytest.mark.parametrize("tool", ["validate", "score"])
def test_checks_of_large_texts_end_when_they_have_taken_their_time(
    monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    """No limit of the sandbox covers what happens outside of it, as often as an agent asks."""
    monkeypatch.setattr(submit_commands, "CHECK_SECONDS", 0.02)
    commands = commands_of(MASKS, "score")
    large = b"id,y\n" + b"".join(b"%d,%s\n" % (row, LONG_MASK) for row, _ in MASKS.rows)
    assert 3 << 20 < len(large) < commands.max_bytes
    request = Request(tool, "submission.csv", large)
    assert "submit still works" not in commands.answer(request, 60.0).output
    assert "submit still works" in commands.answer(request, 60.0).output
    assert commands.answer(Request("submit", "submission.csv", large), 60.0).end_command


def test_what_milestones_look_at_is_on_the_same_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit_commands, "CHECK_SECONDS", 0.0)
    commands = commands_of(MASKS, "validate")
    content = b"id,y\n" + b"".join(b"%d,%d 5\n" % (row, row % 7 + 1) for row, _ in MASKS.rows)
    assert commands.promising(content, 60.0)  # nothing has been used yet
    assert not commands.promising(content, 60.0)
    request = Request("validate", "submission.csv", content)
    assert "submit still works" in commands.answer(request, 60.0).output


def test_usual_checks_have_time_for_all_that_an_agent_asks() -> None:
    commands = commands_of(MASKS, "validate")
    usual = b"id,y\n" + b"".join(b"%d,1 5\n" % row for row, _ in MASKS.rows)
    for _ in range(50):
        assert commands.answer(Request("validate", "submission.csv", usual), 60.0).exit_code == 0
    assert commands.validate_calls_used == 50
