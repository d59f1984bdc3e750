from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command


@pytest.mark.usefixtures("sandbox")
@pytest.mark.slow("it runs all checks of a task with its programs")
def test_a_new_task_is_sound_as_it_stands(command: Command) -> None:
    made = command("new-task", "late-delivery", "--title", 'A "late" \\ delivery', "--json")
    assert made.code == 0
    assert all(Path(file).is_file() for file in made.json["files"])
    checked = command("validate-task", "late-delivery", "--json")
    failed = [check for check in checked.json if not check["passed"]]
    assert failed == []
    assert checked.code == 0
    assert any("solution.py" in check["name"] for check in checked.json)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Late Delivery", "lower case"),
        ("coins", "expected a new or empty folder"),
        ("titanic", "taken by the task in"),
    ],
)
def test_a_folder_that_cannot_become_a_task_is_left_alone(
    command: Command, coins: Path, name: str, message: str
) -> None:
    before = sorted(coins.parent.rglob("*"))
    result = command("new-task", name)
    assert result.code == 2
    assert message in result.err
    assert sorted(coins.parent.rglob("*")) == before


def test_new_task_leaves_nothing_half_made(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mle_gym.authoring.new_task.BASELINE", "raise SystemExit('no numbers')")
    result = command("new-task", "late-delivery")
    assert result.code == 3
    assert "no numbers" in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow("it runs all checks of a task")
def test_a_task_with_a_leak_fails_and_exits_with_1(command: Command, coins: Path) -> None:
    file = coins / "coins.csv"
    rows = [line.split(",") for line in file.read_text().splitlines()]
    leaky = [[weight, side, f"{side}-up"] for weight, side in rows[1:]]
    text = "\n".join(",".join(row) for row in [["weight", "side", "seen"], *leaky])
    file.write_text(text + "\n")
    result = command("validate-task", coins, "--no-programs", "--json")
    assert "the split was drawn for 80 rows" in result.json[1]["detail"]
    (coins / "split.json").unlink()
    result = command("validate-task", coins, "--fix", "--no-programs", "--json")
    assert result.code == 1
    failed = {check["name"]: check["detail"] for check in result.json if not check["passed"]}
    assert "'seen'" in failed["no column gives the target away"]


def test_a_broken_task_toml_exits_with_1_and_names_the_field(command: Command, coins: Path) -> None:
    file = coins / "task.toml"
    file.write_text(file.read_text().replace("test_size", "tset_size"))
    result = command("validate-task", coins)
    assert result.code == 1
    assert "data.tset_size: unknown field; did you mean 'test_size'" in result.out + result.err


def test_an_unknown_name_is_a_usage_error(command: Command) -> None:
    result = command("validate-task", "titanc")
    assert result.code == 2
    assert "did you mean 'titanic'?" in result.err


def test_a_task_is_made_of_csv_files(command: Command) -> None:
    folder = Path("houses csv")
    folder.mkdir()
    rows = "".join(f"{at},{at % 7},{at % 7 * 10 + at % 3}\n" for at in range(60))
    (folder / "train.csv").write_text("Id,rooms,price\n" + rows)
    (folder / "test.csv").write_text("Id,rooms\n100,3\n101,4\n")
    (folder / "sample_submission.csv").write_text("Id,price\n100,0\n101,0\n")
    made = command("new-task", "houses", "--from-csv", folder, "--metric", "rmse", "--json")
    assert made.code == 0
    sample = command("prepare", "./houses", "--json").json[0]["public"] + "/sample_submission.csv"
    assert command("grade", "./houses", sample, "--json").json["valid"]
    assert "--metric" in command("new-task", "other", "--from-csv", folder).err
    assert "--from-csv" in command("new-task", "other", "--metric", "rmse").err
