from __future__ import annotations

import os
from pathlib import Path

import pytest

from mle_gym.datasets.prepare import prepare
from mle_gym.tasks.load import load_folder
from tests.cli.conftest import Command


@pytest.fixture
def perfect(coins: Path, tmp_path: Path) -> Path:
    """A submission without a mistake."""
    answers = (prepare(load_folder(coins)).private / "answers.csv").read_text()
    path = tmp_path / "perfect.csv"
    rows = (line.rpartition(",")[0] for line in answers.splitlines())
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_valid_submission_is_graded(command: Command, coins: Path, perfect: Path) -> None:
    result = command("grade", coins, perfect, "--json")
    assert result.code == 0
    assert result.json["score"] == 1.0
    assert "1 (higher is better)" in command("grade", coins, perfect).out


def test_a_submission_comes_through_standard_input(
    command: Command, coins: Path, perfect: Path
) -> None:
    assert command("grade", coins, "-", "--json", stdin=perfect.read_bytes()).json["valid"]
    assert command("validate", coins, "-", "--json", stdin=b"junk").json["valid"] is False


def test_an_invalid_submission_exits_with_1_and_says_why(command: Command, coins: Path) -> None:
    Path("bad.csv").write_text("id,side\n1,2\n")
    for name in ("grade", "validate"):
        result = command(name, coins, "bad.csv")
        assert result.code == 1
        assert "invalid" in result.out
    assert command("grade", coins, "bad.csv", "--json").json["error_code"]
    assert command("validate", coins, "bad.csv", "--json").json["code"]


def test_validate_accepts_the_sample_and_gives_no_score(command: Command, coins: Path) -> None:
    sample = prepare(load_folder(coins)).public / "sample_submission.csv"
    result = command("validate", coins, sample)
    assert result.code == 0
    assert result.out == "valid for coins\n"


def test_another_answers_file_is_used(command: Command, coins: Path, perfect: Path) -> None:
    flipped = perfect.read_text().replace(",1\n", ",x\n").replace(",0\n", ",1\n")
    Path("answers.csv").write_text(flipped.replace(",x\n", ",0\n"))
    result = command("grade", coins, perfect, "--answers", "answers.csv", "--json")
    assert result.json["score"] == 0.0


@pytest.mark.parametrize("words", [["nowhere.csv"], ["-", "--answers", "nowhere.csv"]])
def test_a_file_that_is_not_there_is_a_usage_error(
    command: Command, coins: Path, words: list[str]
) -> None:
    result = command("grade", coins, *words)
    assert result.code == 2
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1


def test_an_endless_file_is_not_read_to_its_end(command: Command, coins: Path) -> None:
    file = coins / "task.toml"
    file.write_text(file.read_text().replace("[submission]", "[submission]\nmax_bytes = 1000"))
    with Path("sparse.csv").open("wb") as sparse:
        sparse.truncate(1 << 40)
    assert command("grade", coins, "sparse.csv", "--json").json["error_code"] == "too_large"


@pytest.mark.parametrize("name", ["grade", "validate"])
def test_what_is_not_a_regular_file_is_not_opened(command: Command, coins: Path, name: str) -> None:
    os.mkfifo("pipe")  # nobody writes to it, so opening it would block for ever
    Path("link").symlink_to("pipe")
    for path in (".", "pipe", "link", "/dev/zero"):
        result = command(name, coins, path)
        assert result.code == 2
        assert result.err.startswith(f"error: {path} is not a regular file;")
    assert command("grade", coins, "-", "--answers", "pipe", stdin=b"").code == 2


def test_an_interval_of_the_score_is_reported_on_request(
    command: Command, coins: Path, perfect: Path
) -> None:
    sample = prepare(load_folder(coins)).public / "sample_submission.csv"
    assert command("grade", coins, sample, "--json").json["score_ci"] is None
    found = command("grade", coins, sample, "--score-ci", "--json").json
    low, high = found["score_ci"]
    assert 0 <= low < found["score"] < high <= 1
    assert "95% interval" in command("grade", coins, sample, "--score-ci").out
    refused = command("grade", coins, sample, "--score-ci", "--parity")
    assert (refused.code, "strict grading" in refused.err) == (2, True)
