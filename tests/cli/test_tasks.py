from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mle_gym.tasks.catalog import task_folders
from tests.cli.conftest import Command


def test_list_tells_every_task_as_json(command: Command) -> None:
    result = command("list", "--json")
    assert result.code == 0
    assert {task["id"] for task in result.json} == set(task_folders())
    titanic = next(task for task in result.json if task["id"] == "titanic")
    assert titanic["env_id"] == "mle/titanic-v0"
    assert titanic["grade"]["metric"] == "accuracy"


def test_list_shows_a_table(command: Command) -> None:
    result = command("list")
    assert "titanic" in result.out
    assert "accuracy ↑" in result.out
    assert "rmse ↓" in result.out


def test_list_leaves_out_a_broken_task_and_says_why(
    command: Command, coins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = coins / "task.toml"
    file.write_text(file.read_text().replace('metric = "accuracy"', 'metric = "acuracy"'))
    monkeypatch.setenv("MLE_GYM_PATH", str(coins.parent))
    result = command("list", "--json")
    assert result.code == 0
    assert "coins" not in {task["id"] for task in result.json}
    assert "acuracy" in result.err
    assert "Traceback" not in result.err


def test_show_tells_how_a_task_is_graded(command: Command) -> None:
    result = command("show", "titanic")
    assert result.code == 0
    assert "accuracy, higher is better" in result.out
    assert "RMS Titanic" in result.out


def test_show_takes_a_gymnasium_id_and_a_folder(command: Command, coins: Path) -> None:
    assert command("show", "mle/titanic-v0", "--json").json["id"] == "titanic"
    assert command("show", coins, "--json").json["env_id"] == "mle/coins-v0"
    assert command("show", "coins", "--json").json["folder"] == str(coins)


def test_an_unknown_task_is_a_usage_error_with_the_nearest_name(command: Command) -> None:
    result = command("show", "titanc", "--json")
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error: unknown task 'titanc'; did you mean 'titanic'?")


def test_prepare_makes_the_dataset(command: Command, coins: Path) -> None:
    result = command("prepare", coins, "--variant", "3", "--train-rows", "10", "--json")
    assert result.code == 0
    (made,) = result.json
    assert made["task"] == "coins"
    assert made["variant"] == 3
    train = (Path(made["public"]) / "train.csv").read_text().splitlines()
    assert len(train) == 11


def test_prepare_needs_tasks_or_all_and_not_both(command: Command) -> None:
    assert command("prepare").code == 2
    assert command("prepare", "titanic", "--all").code == 2


def test_a_cache_that_cannot_be_written_is_an_environment_problem(
    command: Command, coins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MLE_GYM_CACHE", str(tmp_path / "file"))
    result = command("prepare", coins)
    assert result.code == 3
    assert result.err.count("error:") == 1
    assert "Traceback" not in result.err


def test_data_that_cannot_be_read_are_an_environment_problem(command: Command, coins: Path) -> None:
    (coins / "coins.csv").write_bytes(b"\xff\xfe\x00")
    assert command("prepare", coins).code == 3


def test_one_task_that_fails_does_not_stop_the_others(
    command: Command, coins: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(coins, broken)
    (broken / "task.toml").write_text((coins / "task.toml").read_text().replace("coins", "broken"))
    (broken / "broken.csv").write_text("weight\n1\n")
    result = command("prepare", broken, coins, "--json")
    assert result.code == 3
    assert [made["task"] for made in result.json] == ["coins"]
    assert "data.target" in result.err
