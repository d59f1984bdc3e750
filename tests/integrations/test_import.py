"""Competitions of other benchmarks become tasks, and keep their own code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

import mle_gym
from mle_gym.authoring.validate_task import validate_task
from mle_gym.datasets.prepare import prepare
from mle_gym.errors import DatasetError, TaskError
from mle_gym.grading.leaderboard import Thresholds
from mle_gym.integrations.importing.foreign_code import ForeignCode
from mle_gym.integrations.importing.foreign_leaderboard import read_board
from mle_gym.integrations.mle_bench.checkout import import_mle_bench
from mle_gym.integrations.mle_dojo import import_mle_dojo
from mle_gym.tasks.catalog import load_task, task_folders
from tests.integrations.conftest import BOARD, add_competition, pretend, write
from tests.sandbox.conftest import eventually

PERFECT = b"id,y\n1,a\n2,b\n3,a\n4,a\n"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 2\n"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_competition_is_a_task_with_its_own_grader(
    imported: Path, mle_bench: Path, raw: Path
) -> None:
    before = contents(raw)
    (found,), problems = import_mle_bench(mle_bench)
    assert (found.task_id, found.competition, found.notes) == ("mlebench-fruit", "Fruit", ())
    assert problems == []
    task = load_task("mle/mlebench-fruit-v0")
    assert (task.title, task.description) == ("Fruit: ripe or not", "Is it ripe?")
    assert (task.limits.conditions, task.limits.seconds, task.limits.cpus) == (
        ("mle-bench", 86400, 36)
    )
    dataset = prepare(task, source=raw)
    assert contents(raw) == before  # the preparation moved and deleted them
    assert (dataset.public / "readme.txt").read_text() == "read me"
    assert not (dataset.public / "readme.txt").is_symlink()
    assert (dataset.public / "sample_submission.csv").read_text().startswith("id,y\n1,0\n")
    grade = mle_gym.grade(task, PERFECT)
    assert (grade.score, grade.medal, grade.rank, grade.metric) == (1.0, "gold", 1, "accuracy")
    assert grade.percentile == 1.0
    half = mle_gym.grade(task, b"id,y\n1,a\n2,b\n3,x\n4,x\n")
    assert (half.score, half.beats_median) == (0.5, False)
    sample = mle_gym.grade(task, (dataset.public / "sample_submission.csv").read_bytes())
    assert (sample.score, sample.normalized, sample.anchored) == (sample.floor, 0.0, 0.0)
    assert half.ceiling == half.thresholds["gold"]
    assert half.normalized == half.anchored == pytest.approx(0.5 / half.ceiling)


def test_what_its_grader_refuses_is_not_valid(imported: Path, mle_bench: Path, raw: Path) -> None:
    import_mle_bench(mle_bench)
    prepare(load_task("mlebench-fruit"), source=raw)
    short = mle_gym.grade("mlebench-fruit", b"id,y\n1,a\n")
    assert short.error_message == "expected as many rows as there are fruits"
    crash = mle_gym.grade("mlebench-fruit", PERFECT.replace(b"1,a", b"1,crash"))
    assert (crash.error_code, "secret" in crash.error_message) == ("refused", False)
    assert "KeyError" in crash.error_message
    no_number = mle_gym.grade("mlebench-fruit", PERFECT.replace(b"1,a", b"1,nan"))
    assert no_number.error_code == "score_not_finite"
    theirs = mle_gym.grade("mlebench-fruit", PERFECT.replace(b"1,a", b"1,nan"), parity=True)
    assert (theirs.valid, theirs.medal, theirs.beats_median) == (True, "", False)
    assert (theirs.grader, theirs.to_dict()["score"]) == ("parity", None)
    assert mle_gym.grade("mlebench-fruit", None).error_code == "missing_submission"


@pytest.mark.filterwarnings("ignore:sandbox='subprocess' isolates nothing")
def test_an_episode_of_it_can_be_played(imported: Path, mle_bench: Path, raw: Path) -> None:
    import_mle_bench(mle_bench)
    prepare(load_task("mlebench-fruit"), source=raw)
    env = gymnasium.make("mle/mlebench-fruit-v0", sandbox="subprocess", feedback="validate")
    observation, _ = env.reset()
    assert (
        "Write a file `submission.csv` like `data/sample_submission.csv`, of 4 rows"
        in (observation["output"])
    )
    answers = "printf 'id,y\\n1,a\\n2,b\\n3,a\\n4,x\\n' > submission.csv"
    observation, *_ = env.step("echo id > bad.csv; validate bad.csv")
    assert "is not valid" in observation["output"]
    _, reward, terminated, _, info = env.step(f"{answers}; submit submission.csv")
    env.close()
    assert terminated
    assert (info["grade"]["score"], info["grade"]["medal"]) == (0.75, "")
    assert reward == pytest.approx(0.75 / 0.9)  # of the way from its sample to gold


def test_later_processes_find_it(imported: Path, mle_bench: Path) -> None:
    import_mle_bench(mle_bench)
    with pytest.raises(DatasetError, match="`mle-gym prepare mlebench-fruit` downloads them with"):
        prepare(load_task("mlebench-fruit"))
    code = "import mle_gym, gymnasium; print(gymnasium.spec('mle/mlebench-fruit-v0').id)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "mle/mlebench-fruit-v0\n"


def test_prepared_data_are_taken_as_they_are(
    imported: Path, mle_bench: Path, tmp_path: Path
) -> None:
    import_mle_bench(mle_bench)
    write(
        tmp_path / "cache" / "Fruit" / "prepared" / "public" / "sampleSubmission.csv", "id,y\n1,0\n"
    )
    write(tmp_path / "cache" / "Fruit" / "prepared" / "private" / "test.csv", "id,y\n1,a\n")
    dataset = prepare(load_task("mlebench-fruit"), source=tmp_path / "cache")
    assert (dataset.public / "sample_submission.csv").read_text() == "id,y\n1,0\n"
    assert mle_gym.grade("mlebench-fruit", b"id,y\n1,a\n").score == 1.0


def test_a_sound_import_says_so(imported: Path, mle_bench: Path, raw: Path) -> None:
    import_mle_bench(mle_bench)
    prepare(load_task("mlebench-fruit"), source=raw)
    checks = validate_task(imported / "mle-bench" / "mlebench-fruit", run_programs=False)
    assert [check.passed for check in checks] == [True] * 4


def test_a_second_import_replaces_the_first(imported: Path, mle_bench: Path) -> None:
    first = add_competition(mle_bench, "Nuts")
    assert len(import_mle_bench(mle_bench)[0]) == 2
    before = load_task("mlebench-fruit").folder.joinpath("prepare.py").read_text()
    key = load_task("mlebench-fruit").folder.joinpath("key").read_text()
    (first / "config.yaml").unlink()
    write(mle_bench / "mlebench" / "competitions" / "Fruit" / "grade.py", "def grade(a, b): ...")
    (again,), _ = import_mle_bench(mle_bench / "mlebench")
    assert again.task_id == "mlebench-fruit"
    assert set(task_folders()) & {"mlebench-nuts", "mlebench-fruit"} == {"mlebench-fruit"}
    assert load_task("mlebench-fruit").folder.joinpath("prepare.py").read_text() != before
    assert load_task("mlebench-fruit").folder.joinpath("key").read_text() == key
    assert sorted(path.name for path in imported.iterdir()) == ["mle-bench"]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("id: [", "expected YAML"),
        ("just text", "expected a table"),
        ("id: Nuts\n", "grader: missing"),
        ("id: Nuts\ngrader: x\ndataset: y\n", "grader: expected a table"),
    ],
)
def test_one_broken_competition_does_not_keep_the_others_out(
    imported: Path, mle_bench: Path, config: str, problem: str
) -> None:
    write(add_competition(mle_bench, "Nuts") / "config.yaml", config)
    done, problems = import_mle_bench(mle_bench)
    assert [entry.competition for entry in done] == ["Fruit"]
    assert problems[0].startswith("Nuts: ")
    assert problem in problems[0]


def test_no_checkout_is_an_error(imported: Path, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="expected a checkout of MLE-bench"):
        import_mle_bench(tmp_path)
    with pytest.raises(TaskError, match="expected a checkout of MLE-Dojo"):
        import_mle_dojo(tmp_path)


@pytest.mark.parametrize(
    ("board", "state", "note"),
    [
        (BOARD, "whole", ""),
        (POINTER, "pointer", "Git LFS pointer"),
        (None, "missing", "has no leaderboard"),
        ("a,b\n1,2\n", "unreadable", "no column 'score'"),
        ("score\n", "unreadable", "no column 'score'"),
        ("score\n1\nnan\n", "unreadable", "no column 'score'"),
        ("score\n" + "".join(f"{1 - at / 99}\n" for at in range(20)), "truncated", "first page"),
    ],
)
def test_boards_that_only_look_like_one_are_recognised(
    tmp_path: Path, board: str | None, state: str, note: str
) -> None:
    file = tmp_path / "leaderboard.csv"
    if board is not None:
        file.write_text(board)
    found = read_board(file, None)
    assert found.state == state
    assert note in found.problem
    assert bool(found.problem) == (state != "whole")


def test_a_page_is_known_by_its_median(tmp_path: Path) -> None:
    file = tmp_path / "leaderboard.csv"
    file.write_text("score\n0.10\n0.11\n0.12\n")
    losses = Thresholds(0.1, 0.11, 0.12, 0.3)
    assert read_board(file, losses).state == "truncated"
    file.write_text("score\n0.10\n0.3\n0.9\n")
    whole = read_board(file, losses)
    assert (whole.state, whole.higher_is_better, whole.thresholds.median) == ("whole", False, 0.3)


def test_without_a_board_the_published_thresholds_count(imported: Path, mle_bench: Path) -> None:
    add_competition(mle_bench, "spaceship-titanic", POINTER)
    add_competition(mle_bench, "Nuts", POINTER)
    found = {entry.competition: "; ".join(entry.notes) for entry in import_mle_bench(mle_bench)[0]}
    assert found["spaceship-titanic"].endswith("published thresholds")
    assert found["Nuts"].endswith("no medals")
    task = load_task("mlebench-spaceship-titanic")
    assert task.medals.gold == 0.82066
    assert "dev" in task.tags
    assert load_task("mlebench-nuts").medals.thresholds == {}


def test_what_its_code_lacks_is_named(
    imported: Path, mle_bench: Path, raw: Path, tmp_path: Path
) -> None:
    write(
        mle_bench / "mlebench" / "competitions" / "Fruit" / "prepare.py", "import no_such_module_x"
    )
    import_mle_bench(mle_bench)
    task = load_task("mlebench-fruit")
    with pytest.raises(
        DatasetError, match=r"requires the Python module 'no_such_module_x'.*--python"
    ):
        prepare(task, source=raw)
    import_mle_bench(mle_bench, str(tmp_path / "no-python"))
    with pytest.raises(DatasetError, match=r"no-python can't be run: No such file.*--python"):
        prepare(load_task("mlebench-fruit"), source=raw)
    pretend(
        tmp_path / "python", [{"error": "failed", "type": "OSError", "message": "disk is full"}]
    )
    import_mle_bench(mle_bench, str(tmp_path / "python"))
    with pytest.raises(DatasetError, match="its preparation failed: OSError: disk is full"):
        prepare(load_task("mlebench-fruit"), source=raw)
    pretend(tmp_path / "python", [{"error": "missing", "message": "cv2"}])
    with pytest.raises(DatasetError, match="pip install opencv-python"):
        prepare(load_task("mlebench-fruit"), source=raw)


def test_its_processes_end_with_it(tmp_path: Path) -> None:
    program, mark = tmp_path / "python", tmp_path / "mark"
    write(program, f"#!/bin/sh\nsleep 600 & echo $! > {mark}\nwait\n")
    program.chmod(0o755)
    with pytest.raises(DatasetError, match=r"ran for over 0\.5 s"):
        ForeignCode("mle-bench", tmp_path, str(program)).run([], seconds=0.5)
    sleeper = int(mark.read_text())
    assert eventually(lambda: not alive(sleeper))


ABANDONED = """
import sys
from pathlib import Path
from mle_gym.integrations.importing.foreign_code import ForeignCode
root, mark = sys.argv[1:]
job = {"do": "prepare", "function": "sleepy:prepare", "raw": mark, "public": "", "private": ""}
ForeignCode("mle-bench", Path(root)).run([job])
"""
SLEEPY = """
import os, subprocess

def prepare(raw, public, private):
    sleeper = subprocess.Popen(["sleep", "61"])
    raw.write_text(f"{os.getpid()} {sleeper.pid}")
    sleeper.wait()
"""


def test_its_processes_end_with_a_killed_host(tmp_path: Path) -> None:
    write(tmp_path / "sleepy.py", SLEEPY)
    mark = tmp_path / "mark"
    with subprocess.Popen([sys.executable, "-c", ABANDONED, str(tmp_path), str(mark)]) as host:
        assert eventually(lambda: mark.is_file() and len(mark.read_text().split()) == 2)
        host.kill()
    processes = [int(number) for number in mark.read_text().split()]
    assert eventually(lambda: not any(map(alive, processes)))


def alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_its_processes_see_no_credential(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAGGLE_KEY", "s3cret")
    program = tmp_path / "python"
    write(program, "#!/bin/sh\nenv >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(DatasetError, match="ended with exit code 3") as caught:
        ForeignCode("mle-bench", tmp_path, str(program)).run([])
    assert "PATH=" in str(caught.value)
    assert os.environ["KAGGLE_KEY"] not in str(caught.value)


def test_competitions_of_mle_dojo_too(imported: Path, mle_dojo: Path, raw: Path) -> None:
    before = contents(raw)
    done, problems = import_mle_dojo(mle_dojo)
    assert problems == []
    assert {entry.task_id: bool(entry.notes) for entry in done} == {
        "dojo-fruit": False,
        "dojo-vegetables": True,
    }
    prepare(load_task("dojo-fruit"), source=raw)
    assert contents(raw) == before
    grade = mle_gym.grade("dojo-fruit", b"id,y\n1,a\n2,b\n3,a\n4,x\n")
    assert (grade.score, grade.higher_is_better) == (0.75, False)
    refused = mle_gym.grade("dojo-fruit", b"id,z\n1,a\n")
    assert refused.error_message == "other columns"
    with pytest.raises(DatasetError, match="only a stub; pass a folder of prepared data"):
        prepare(load_task("dojo-vegetables"), source=raw)


def test_human_rank_is_the_mean_of_both_boards(imported: Path, mle_dojo: Path, raw: Path) -> None:
    info = mle_dojo / "mledojo" / "competitions" / "fruit" / "info"
    write(info / "private_leaderboard.csv", "rank,score\n1,1.0\n2,0.75\n3,0.75\n4,0.2\n5,0.1\n")
    write(info / "public_leaderboard.csv", "rank,score\n1,0.9\n2,0.7\n3,0.1\n")
    import_mle_dojo(mle_dojo)
    prepare(load_task("dojo-fruit"), source=raw)
    grade = mle_gym.grade("dojo-fruit", PERFECT.replace(b"4,a", b"4,x"))
    assert grade.score == 0.75
    # Second of five, with two others, and second of three.
    assert grade.human_rank == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert mle_gym.Grade.from_dict(grade.to_dict()) == grade
    assert mle_gym.grade("dojo-fruit", None).human_rank is None
    (info / "public_leaderboard.csv").write_text(POINTER)
    import_mle_dojo(mle_dojo)
    prepare(load_task("dojo-fruit"), source=raw)
    assert mle_gym.grade("dojo-fruit", PERFECT).human_rank == 1.0
