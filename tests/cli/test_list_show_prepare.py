from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from mle_gym.cli import list_show_prepare
from mle_gym.tasks.catalog import load_task, task_folders
from tests.cli.conftest import Command
from tests.generated_task import GENERATED, TABLES
from tests.task_folders import MakeTask


def test_list_reports_every_task_as_json(command: Command) -> None:
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


def test_no_name_is_cut_on_a_narrow_terminal(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = command("list").out
    assert max(map(len, shown.splitlines())) <= 80
    for name in task_folders():
        assert re.search(rf"(^| ){name}( |$)", shown, re.MULTILINE), name


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


def test_show_says_how_a_task_is_graded(command: Command) -> None:
    result = command("show", "titanic")
    assert result.code == 0
    assert "accuracy, higher is better" in result.out
    assert "RMS Titanic" in result.out
    assert "scikit-learn, scipy" in " ".join(result.out.split())


def test_only_show_says_that_answers_can_be_known(command: Command) -> None:
    assert "can hold all answers" in " ".join(command("show", "iris-pipeline").out.split())
    assert "answers" not in load_task("iris-pipeline").description


def test_show_takes_a_gymnasium_id_and_a_folder(command: Command, coins: Path) -> None:
    assert command("show", "mle/titanic-v0", "--json").json["id"] == "titanic"
    assert command("show", coins, "--json").json["env_id"] == "mle/coins-v0"
    assert command("show", "coins", "--json").json["folder"] == str(coins)


def test_only_show_says_what_models_may_know(command: Command) -> None:
    result = command("show", "leaf-classification")
    assert "Contamination" in result.out
    assert "Kaggle's public training file" in " ".join(result.out.split())
    assert "Contamination" not in command("show", "titanic").out
    told = command("show", "leaf-classification", "--json").json
    assert "contamination" not in told["description"].lower()
    assert told["contamination"].startswith("Ids")


def test_an_unknown_task_is_a_usage_error_with_the_nearest_name(command: Command) -> None:
    result = command("show", "titanc", "--json")
    assert result.code == 2
    assert result.json["error"]["message"].startswith("unknown task 'titanc'; did you mean")
    assert result.err.startswith("error: unknown task 'titanc'; did you mean 'titanic'?")


def test_prepare_makes_the_dataset(command: Command, coins: Path) -> None:
    result = command("prepare", coins, "--variant", "3", "--train-rows", "10", "--json")
    assert result.code == 0
    (made,) = result.json
    assert made["task"] == "coins"
    assert made["variant"] == 3
    train = (Path(made["public"]) / "train.csv").read_text().splitlines()
    assert len(train) == 11


def test_prepare_grade_and_validate_know_size_and_difficulty(
    command: Command, make_task: MakeTask
) -> None:
    family = make_task(GENERATED, files={"generate.py": TABLES})
    options = ("--size", "micro", "--difficulty", "0.9")
    (made,) = command("prepare", family, *options, "--json").json
    train = (Path(made["public"]) / "train.csv").read_text().splitlines()
    assert len(train) == 21
    sample = Path(made["public"]) / "sample_submission.csv"
    assert command("grade", family, sample, *options, "--json").json["dataset"] == made["digest"]
    assert command("validate", family, sample, *options).code == 0
    assert command("prepare", family, "--size", "tiny").code == 2
    assert command("prepare", "zoo", "--size", "full").code == 3


def test_prepare_needs_tasks_or_all_and_not_both(command: Command) -> None:
    assert command("prepare").code == 2
    assert command("prepare", "titanic", "--all").code == 2
    assert command("prepare", "--lite", "--all").code == 2


def test_prepare_takes_a_list_and_the_splits_of_mle_bench(command: Command, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("zoo\nwine\n")
    made = command("prepare", "--list", names, "titanic", "--json").json
    assert [each["task"] for each in made] == ["titanic", "zoo", "wine"]
    # Those of Lite are built in. Nothing is prepared, or downloaded, where one is unknown.
    unknown = command("prepare", "--lite", "--split", "high")
    assert unknown.code == 2
    assert "15 are not among the tasks" in unknown.err
    assert "mle-gym import mle-bench" in unknown.err


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
    failed, made = result.json
    assert made["task"] == "coins"
    assert (failed["task"], failed["error"]["exit_code"]) == ("broken", 3)
    assert "data.target" in failed["error"]["message"]
    assert "data.target" in result.err


@pytest.fixture
def competition(coins: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The coins as a Kaggle competition without data, in an empty cache."""
    text = (coins / "task.toml").read_text().replace('"files"', '"kaggle"').replace(".csv", "")
    text = text.replace('target = "side"\n', 'files = ["coins.csv"]\ndownload_gb = 0.5\n')
    text = text.replace("test_size = 20\nstratify = true\n", "")
    (coins / "task.toml").write_text(text)
    (coins / "prepare.py").write_text(
        "import pandas as pd\n"
        "def prepare(raw, public, private, rng):\n"
        "    table = pd.read_csv(raw / 'coins.csv').reset_index(names='id')\n"
        "    table[:60].to_csv(public / 'train.csv', index=False)\n"
        "    table[60:][['id', 'weight']].to_csv(public / 'test.csv', index=False)\n"
        "    table[60:][['id', 'side']].to_csv(private / 'answers.csv', index=False)\n"
    )
    monkeypatch.setenv("MLE_GYM_PATH", str(coins))
    monkeypatch.setenv("MLE_GYM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MLE_GYM_RAW", raising=False)
    return coins


def states_of_tasks(command: Command) -> dict[str, Any]:
    """What ``list`` says of each environment."""
    return {state["env_id"]: state for state in command("list", "--json").json}


def test_list_says_what_works_and_what_the_others_need(
    command: Command, competition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = states_of_tasks(command)
    assert states["mle/titanic-v0"]["ready"]
    assert not states["mle/coins-v0"]["ready"]
    assert "`mle-gym prepare coins` downloads 0.5 GB" in states["mle/coins-v0"]["reason"]
    works, _, lacks = command("list").out.partition("need data")
    assert " titanic " in works
    assert " coins " not in works
    assert re.search(r" coins .* 0.5 GB from Kaggle ", lacks)
    assert "`mle-gym prepare coins` downloads" in command("show", "coins").out
    monkeypatch.setenv("MLE_GYM_RAW", str(competition.parent))
    states = states_of_tasks(command)
    assert f"raw data in {competition}" in states["mle/coins-v0"]["reason"]
    assert states["mle/coins-v0"]["ready"]


def test_prepare_takes_data_from_a_folder(command: Command, competition: Path) -> None:
    assert command("prepare", "coins", "--from", competition / "nowhere").code == 3
    result = command("prepare", "coins", "--from", competition, "--json")
    assert result.code == 0
    assert (Path(result.json[0]["public"]) / "test.csv").is_file()
    coins = states_of_tasks(command)["mle/coins-v0"]
    assert (coins["ready"], coins["reason"]) == (True, "prepared")


def test_from_goes_with_one_competition(command: Command, competition: Path) -> None:
    assert command("prepare", "coins", "titanic", "--from", competition).code == 2
    assert command("prepare", "--all", "--from", competition).code == 2
    result = command("prepare", "titanic", "--from", competition)
    assert result.code == 3
    assert "only a Kaggle competition's can be given" in result.err


def test_prepare_downloads_a_competition_that_is_not_here(
    command: Command, competition: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(name: str, progress: Any) -> Path:
        asked.append(name)
        progress(5, 10)
        return competition

    monkeypatch.setattr(list_show_prepare, "download", download)
    assert command("prepare", "coins").code == 0
    assert command("prepare", "coins").code == 0
    assert asked == ["coins"]
    assert command("prepare", "coins", "--from", "kaggle").code == 0
    assert asked == ["coins", "coins"]


def test_all_leaves_out_what_has_no_data(
    command: Command, competition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lone = {"coins": competition, "zoo": task_folders()["zoo"]}
    monkeypatch.setattr(list_show_prepare, "task_folders", lambda: lone)
    result = command("prepare", "--all", "--json")
    assert result.code == 0
    assert [made["task"] for made in result.json] == ["zoo"]
    assert "their data are not here" in result.err


def test_list_shows_one_suite(command: Command) -> None:
    result = command("list", "--suite", "engineer", "--json")
    assert result.code == 0
    ids = {task["id"] for task in result.json}
    assert "iris-pipeline" in ids
    assert "titanic" not in ids
    wrong = command("list", "--suite", "enginer")
    assert wrong.code == 2
    assert "engineer" in wrong.err
