from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import pytest

from mle_gym.errors import TaskError
from mle_gym.tasks import catalog
from mle_gym.tasks.catalog import load_task, register_all, register_tasks, task_folders
from tests.task_folders import MakeTask

pytestmark = pytest.mark.usefixtures("clean_registry")


def test_built_in_tasks_are_found_by_id() -> None:
    folders = task_folders()
    assert folders["titanic"].name == "titanic"
    assert load_task("titanic") is load_task("mle/titanic-v0")


def test_tasks_in_mle_gym_path_are_found(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_task(folder="mine/fruit")
    monkeypatch.setenv("MLE_GYM_PATH", f"{os.pathsep}{folder.parent}{os.pathsep}")
    assert task_folders()["fruit"] == folder
    assert load_task("fruit").folder == folder
    register_all()
    assert gymnasium.spec("mle/fruit-v0").kwargs == {"task": str(folder)}
    assert gymnasium.spec("mle/titanic-v0").kwargs == {"task": "titanic"}


def test_a_registered_task_that_was_deleted_is_no_task(make_task: MakeTask) -> None:
    folder = make_task(folder="mine/fruit")
    register_tasks(folder)
    shutil.rmtree(folder)
    assert "fruit" not in task_folders()
    register_all()


def test_a_broken_task_is_left_out_with_the_reason(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_task(folder="mine/fruit")
    (folder / "task.toml").write_text("id = 3")
    monkeypatch.setenv("MLE_GYM_PATH", str(folder.parent))
    with pytest.warns(UserWarning, match=r"left out: .*task\.toml: id: expected a name .*found 3"):
        register_all()
    assert "mle/titanic-v0" in gymnasium.registry


def test_a_path_that_is_no_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLE_GYM_PATH", "/no/such/place")
    with pytest.warns(UserWarning, match="MLE_GYM_PATH: expected folders, found '/no/such/place'"):
        task_folders()


def test_an_id_is_not_taken_from_a_built_in_task(
    make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_task({"id": "titanic"}, folder="mine/other")
    monkeypatch.setenv("MLE_GYM_PATH", str(folder.parent))
    with pytest.warns(UserWarning, match="the id 'titanic' is taken by"):
        assert task_folders()["titanic"] != folder
    monkeypatch.delenv("MLE_GYM_PATH")
    with pytest.raises(TaskError, match="id: expected an id of its own, found 'titanic'"):
        register_tasks(folder)


def test_registering_is_idempotent_and_takes_one_task_or_many(
    make_task: MakeTask, tmp_path: Path
) -> None:
    make_task(folder="mine/fruit")
    make_task({"id": "nuts", "version": 3}, folder="mine/nuts")
    ids = ["mle/fruit-v0", "mle/nuts-v3"]
    assert register_tasks(tmp_path / "mine") == ids
    spec = gymnasium.spec("mle/nuts-v3")
    assert register_tasks(tmp_path / "mine") == ids
    assert gymnasium.spec("mle/nuts-v3") is spec
    assert register_tasks(str(tmp_path / "mine" / "fruit")) == ids[:1]
    assert load_task("mle/nuts-v3").folder == tmp_path / "mine" / "nuts"
    assert spec.nondeterministic
    assert spec.vector_entry_point == "mle_gym.vector:ThreadVectorEnv"


def test_registering_nothing_or_something_broken_is_an_error(
    make_task: MakeTask, tmp_path: Path
) -> None:
    with pytest.raises(TaskError, match=r"expected a task\.toml, or folders with one, found none"):
        register_tasks(tmp_path)
    with pytest.raises(TaskError, match=r"grade\.metric: missing"):
        register_tasks(make_task({"grade": {"metric": None}}))
    assert "mle/fruit-v0" not in gymnasium.registry


@pytest.mark.parametrize("name", ["titanik", "mle/titanik-v0", "mle/titanics-v0"])
def test_unknown_names_get_the_nearest(name: str) -> None:
    with pytest.raises(TaskError, match=r"unknown task .*did you mean 'titanic'"):
        load_task(name)


@pytest.mark.parametrize("name", ["", "mle/", "..", "../envs/titanic-v0", "a/b", "-v0"])
def test_odd_names_are_task_errors(name: str) -> None:
    with pytest.raises(TaskError):
        load_task(name)


def test_another_version_is_told_apart() -> None:
    with pytest.raises(TaskError, match="unknown task 'mle/titanic-v7'; 'titanic' is at version 0"):
        load_task("mle/titanic-v7")


def test_a_changed_folder_is_loaded_anew(make_task: MakeTask) -> None:
    folder = make_task()
    first = load_task(folder)
    assert load_task(folder) is first
    make_task({"title": "Vegetables"})
    assert load_task(folder).title == "Vegetables"


def test_loading_again_costs_next_to_nothing() -> None:
    load_task("titanic")
    times = []
    for _ in range(50):
        start = time.perf_counter()
        load_task("titanic")
        times.append(time.perf_counter() - start)
    assert min(times) < 0.005


def test_packages_offer_tasks_without_being_imported(
    make_task: MakeTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_task(folder="site/orchard_tasks/envs/fruit")
    (tmp_path / "site/orchard_tasks/__init__.py").write_text("raise RuntimeError('imported')")
    info = tmp_path / "site/orchard_tasks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: orchard-tasks\nVersion: 1.0\n")
    points = "[mle_gym.tasks]\norchard = orchard_tasks:envs\ngone = no_such_package_at_all\n"
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(tmp_path / "site")
    catalog._installed_folders.cache_clear()
    try:
        with pytest.warns(
            UserWarning, match="entry point 'gone' of mle_gym.tasks: expected a pack"
        ):
            folders = task_folders()
    finally:
        catalog._installed_folders.cache_clear()
    assert folders["fruit"] == folder


def test_the_catalog_imports_nothing_heavy() -> None:
    code = (
        "import sys, mle_gym.tasks.catalog as c; c.register_all();"
        "heavy = {'pandas', 'sklearn', 'pydantic', 'docker', 'filelock'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
