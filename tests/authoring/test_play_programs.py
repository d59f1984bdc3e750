from __future__ import annotations

from dataclasses import replace

import pytest

from mle_gym.authoring.play_programs import Play, play_all
from mle_gym.tasks.catalog import load_task
from tests.learnable_family import learnable
from tests.task_folders import MakeTask

LINE = Play("line-plain", "python data/lab.py line plain", -1, "micro", 0.5)


def _lefts(plays: list[Play], task: str, **options: int) -> list[int]:
    lefts: list[int] = []
    play_all(load_task(task), plays, workers=2, on_played=lambda _, left: lefts.append(left))
    return lefts


@pytest.mark.usefixtures("own_cache")
def test_programs_are_played_once_and_their_failures_are_results(make_task: MakeTask) -> None:
    task = load_task(learnable(make_task))
    silent = replace(LINE, command="cp data/sample_submission.csv submission.csv")
    broken = replace(LINE, command="echo no such luck; exit 3")
    nothing = replace(LINE, command="echo validation: nan")
    baseline = replace(LINE, command="python baseline.py", file="baseline.py", interval=True)
    plays = [LINE, silent, broken, nothing, baseline]
    found = play_all(task, plays, workers=2)
    assert found[0].problem == ""
    assert found[0].validation is not None
    assert found[0].floor is not None
    assert found[0].cpu_seconds > 0
    assert found[0].interval is None
    assert (found[1].problem, found[1].validation, found[1].anchored) == ("", None, 0)
    assert "exit code 3: no such luck" in found[2].problem
    assert found[3].score is None
    assert found[3].problem
    assert found[4].interval is not None
    assert 0 < found[4].anchored < 1
    # A name is for people, and the file of another program plays no part.
    (task.folder / "solution.py").write_text("raise SystemExit(1)")
    renamed = replace(LINE, program="another name")
    assert _lefts([renamed, silent, baseline], str(task.folder)) == [0]
    assert _lefts([renamed, broken, nothing], str(task.folder)) == [2, 1, 0]
    (task.folder / "baseline.py").write_text("raise SystemExit(1)")
    assert _lefts([renamed, baseline], str(task.folder)) == [1, 0]


@pytest.mark.usefixtures("own_cache")
@pytest.mark.slow("it plays in processes of its own")
def test_what_was_played_before_ctrl_c_is_kept(make_task: MakeTask) -> None:
    task = load_task(learnable(make_task))
    plays = [replace(LINE, variant=variant) for variant in (-1, -2, -3)]
    endless = replace(LINE, command="sleep 1000")

    def interrupt(_: Play, left: int) -> None:
        if left == 1:  # all but the endless one
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play_all(task, [*plays, endless], workers=2, on_played=interrupt)
    assert _lefts(plays, str(task.folder)) == [0]
