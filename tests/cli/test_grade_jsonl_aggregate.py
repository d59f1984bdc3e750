from __future__ import annotations

import json
from pathlib import Path

import pytest

from mle_gym.datasets.prepare import prepare
from mle_gym.integrations.mle_bench.report import Report
from mle_gym.integrations.mle_bench.report_file import ReportFile
from mle_gym.integrations.mle_bench.submissions import Batch
from mle_gym.tasks.catalog import register_tasks
from mle_gym.tasks.load import load_folder
from tests.cli.conftest import Command
from tests.integrations.test_mle_bench_reports import FIELDS

MEDALS = "[medals]\ngold = 0.9\nsilver = 0.8\nbronze = 0.7\nmedian = 0.5\n\n[limits]"


@pytest.fixture
def batch(coins: Path) -> Path:
    """The folder of a registered task, with a perfect submission and the sample."""
    file = coins / "task.toml"
    file.write_text(file.read_text().replace("[limits]", MEDALS))
    register_tasks(coins)
    dataset = prepare(load_folder(coins))
    rows = (dataset.private / "answers.csv").read_text().splitlines()
    perfect = "\n".join(row.rpartition(",")[0] for row in rows)
    (coins / "perfect.csv").write_text(perfect + "\n")
    (coins / "sample.csv").write_bytes((dataset.public / "sample_submission.csv").read_bytes())
    return coins


def line(path: Path, competition: str = "coins") -> str:
    return json.dumps({"competition_id": competition, "submission_path": str(path)})


def test_no_line_keeps_the_others_from_being_graded(command: Command, batch: Path) -> None:
    (batch / "ragged.csv").write_bytes(b"id,side\n1,\xff,3\n")
    lines = [
        "# a comment", "// another", "",
        line(batch / "perfect.csv"),
        "{not json",
        '["a", "list"]',
        '{"competition_id": "coins"}',
        '{"competition_id": 3, "submission_path": "x"}',
        "[" * 100_000,
        line(batch / "perfect.csv", "no-such-competition"),
        line(batch / "nowhere.csv"),
        line(batch / "ragged.csv"),
        line(batch),
        line(batch / "task.toml"),
        line(batch / "sample.csv"),
    ]  # fmt: skip
    Path("all.jsonl").write_bytes("\n".join(lines).encode() + b"\n\xff\xfe\n")
    result = command("grade-jsonl", "all.jsonl", "--json", "--output-dir", "reports")
    assert result.code == 1
    found = result.json
    assert [p["line"] for p in found["problems"]] == [5, 6, 7, 8, 9, 10, 16]
    assert "line 10: not graded: competition 'no-such-competition'" in result.err
    reports = found["competition_reports"]
    assert [r["submission_exists"] for r in reports] == [True, False, True, False, False, True]
    assert [r["valid_submission"] for r in reports] == [True, False, False, False, False, True]
    assert [r["gold_medal"] for r in reports] == [True, False, False, False, False, False]
    assert all(list(r) == FIELDS for r in reports)
    assert (found["total_runs"], found["total_medals"]) == (6, 1)
    (written,) = Path("reports").glob("*_grading_report.json")
    assert json.loads(written.read_text())["competition_reports"] == reports


def test_one_problem_of_many_lines_is_told_once(command: Command, batch: Path) -> None:
    Path("many.jsonl").write_text(f"{line(batch / 'sample.csv', 'no-such-competition')}\n" * 8)
    result = command("grade-jsonl", "many.jsonl")
    assert result.code == 1
    assert "many.jsonl, lines 1, 2, 3, 4, 5 and 3 more: not graded: competition" in result.err
    assert result.err.count("no-such-competition") == 1


def test_seeds_of_a_split_are_averaged(command: Command, batch: Path) -> None:
    Path("split.txt").write_text("coins\n")
    for seed, name in enumerate(["perfect", "sample", "perfect"]):
        Path(f"seed{seed}.jsonl").write_text(line(batch / f"{name}.csv"))
    words = [f"seed{seed}.jsonl" for seed in range(3)]
    result = command("grade-jsonl", *words, "--split", "split.txt")
    assert result.code == 0
    assert "3 seeds of 1 competitions" in result.out
    assert "66.7" in result.out
    summary = command("grade-jsonl", *words, "--split", "split.txt", "--json").json["summary"]
    assert summary["metrics"]["any_medal_percentage"]["mean"] == pytest.approx(200 / 3)
    for seed, word in enumerate(words):
        command("grade-jsonl", word, "--output-dir", f"r{seed}")
    reports = sorted(Path().glob("r*/*.json"))
    again = command("aggregate", *reports, "--split", "split.txt", "--json")
    assert again.json == summary
    assert "66.7" in command("aggregate", *reports, "--split", "split.txt").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--split", "nowhere"], "expected low, medium, high"),
        (["--seeds", "4"], "--seeds and --pad-missing require a --split"),
        (["--split", "split.txt", "--seeds", "0"], "--seeds: expected 1 or more"),
        (["nowhere.jsonl"], "nowhere.jsonl: expected a file of submissions, found none"),
        (["--output-dir", "one.jsonl"], "one.jsonl"),
    ],
)
def test_a_wrong_command_line_is_said_before_anything_is_graded(
    command: Command, batch: Path, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Batch, "grade_file", None)
    Path("split.txt").write_text("coins\n")
    Path("one.jsonl").write_text(line(batch / "sample.csv"))
    result = command("grade-jsonl", "one.jsonl", *words)
    assert result.code == 2
    assert message in result.err


@pytest.mark.parametrize(
    ("split", "words", "missing", "mean", "caveat"),
    [
        ("coins\ndice\n", [], {"coins": 0, "dice": 2}, 25.0, "of dice: they count as failed"),
        ("coins\n", ["--seeds", "3"], {"coins": 0}, 50.0, "3 seeds were requested, and 2 can be"),
        ("dice\n", [], {"dice": 1}, None, "runs are missing of dice"),
        ("coins\ndice\n", ["--pad-missing"], {"coins": 0, "dice": 2}, 25.0, ""),
    ],
)
def test_grades_of_an_incomplete_set_are_shown_with_what_it_lacks(
    command: Command,
    batch: Path,
    split: str,
    words: list[str],
    missing: dict[str, int],
    mean: float | None,
    caveat: str,
) -> None:
    Path("split.txt").write_text(split)
    Path("two.jsonl").write_text(f"{line(batch / 'perfect.csv')}\n{line(batch / 'sample.csv')}")
    arguments = ("grade-jsonl", "two.jsonl", "--split", "split.txt", *words)
    result = command(*arguments, "--output-dir", "reports")
    assert result.code == (1 if caveat else 0)
    assert caveat in result.err
    said = "no such competition: coins" in result.err
    assert said == ("coins" not in split)
    assert "2 submissions, 2 valid, 1 medals" in result.out
    (written,) = Path("reports").iterdir()
    found = command(*arguments, "--json").json
    assert json.loads(written.read_text())["total_runs"] == found["total_runs"] == 2
    assert found["summary"]["missing"] == {name: lack for name, lack in missing.items() if lack}
    medals = found["summary"]["metrics"].get("any_medal_percentage", {"mean": None})
    assert medals["mean"] == mean


def test_a_file_without_a_submission_is_a_problem(command: Command, batch: Path) -> None:
    Path("empty.jsonl").write_text("# nothing yet\n")
    result = command("grade-jsonl", "empty.jsonl")
    assert result.code == 1
    assert "expected one submission per line, found none" in result.err


def test_a_run_that_left_no_submission_counts_as_one_without(command: Command, batch: Path) -> None:
    empty = json.dumps({"competition_id": "coins", "submission_path": None, "logs_path": "a.log"})
    Path("runs.jsonl").write_text(f"\ufeff{empty}\n{line(batch / 'perfect.csv')}\n")
    result = command("grade-jsonl", "runs.jsonl", "--json")
    assert result.code == 0
    assert (result.json["total_runs"], result.json["total_runs_with_submissions"]) == (2, 1)
    assert (
        result.json["competition_reports"][0]["submission_path"] == "None"
    )  # MLE-bench's name for it


def test_ctrl_c_keeps_what_was_graded(
    command: Command, batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("three.jsonl").write_text("\n".join([line(batch / "perfect.csv")] * 3))
    graded = Batch._grade_line

    def interrupted(self: Batch, text: str) -> Report:
        if len(self.reports) == 2:
            raise KeyboardInterrupt
        return graded(self, text)

    monkeypatch.setattr(Batch, "_grade_line", interrupted)
    result = command("grade-jsonl", "three.jsonl", "--json", "--output-dir", "reports")
    assert result.code == 130
    assert result.json["total_runs"] == 2
    assert "three.jsonl, line 3: not graded: interrupted here" in result.err
    (written,) = Path("reports").glob("*_grading_report.json")
    assert json.loads(written.read_text())["total_medals"] == 2


def test_what_was_graded_before_a_crash_can_be_averaged(
    command: Command, batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("split.txt").write_text("coins\n")
    Path("two.jsonl").write_text("\n".join([line(batch / "perfect.csv")] * 2))
    monkeypatch.setattr(ReportFile, "finish", None)  # as if the program had been killed just before
    assert command("grade-jsonl", "two.jsonl", "--output-dir", "reports").code == 70
    (left,) = Path("reports").iterdir()
    again = command("aggregate", left, "--split", "split.txt", "--json")
    assert (again.code, again.json["num_seeds_averaged"]) == (0, 2)


def test_reports_of_one_second_have_names_of_their_own(
    command: Command, batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.gmtime", lambda: (2026, 1, 2, 3, 4, 5, 4, 2, 0))
    Path("one.jsonl").write_text(line(batch / "perfect.csv"))
    for _ in range(3):
        assert command("grade-jsonl", "one.jsonl", "--output-dir", "reports").code == 0
    assert len(list(Path("reports").glob("2026-01-02T03-04-05-GMT*_grading_report.json"))) == 3


def test_one_grade_in_the_format_of_mle_bench(command: Command, batch: Path) -> None:
    result = command("grade", "coins", batch / "perfect.csv", "--format", "mle-bench")
    assert result.code == 0
    assert list(result.json) == FIELDS
    assert (result.json["score"], result.json["gold_threshold"]) == (1.0, 0.9)
    assert (result.json["any_medal"], result.json["is_lower_better"]) == (True, False)
    missing = command("grade", "coins", "nowhere.csv", "--format", "mle-bench")
    assert missing.code == 1
    assert (missing.json["submission_exists"], missing.json["score"]) == (False, None)
    assert command("grade", "coins", "x.csv", "--format", "xml").code == 2
    assert "no parity grader" in command("grade", "coins", batch / "perfect.csv", "--parity").err
