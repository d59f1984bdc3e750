from __future__ import annotations

import pytest

from mle_gym.authoring.family_gate import GateReport, validate_family
from mle_gym.errors import TaskError
from mle_gym.tasks.catalog import load_task
from tests.learnable_family import learnable
from tests.task_folders import MakeTask


def _judged(report: GateReport) -> dict[str, bool | None]:
    return {each.key: each.passed for each in report.criteria}


def test_real_data_are_no_family() -> None:
    with pytest.raises(TaskError, match="whose data are generated"):
        validate_family(load_task("titanic"), 4)


@pytest.mark.slow("it plays 68 episodes")
def test_a_family_in_which_looking_pays_is_sound(make_task: MakeTask) -> None:
    task = load_task(learnable(make_task))
    report = validate_family(task, 4, workers=4)
    # Of four variants even the mean is uncertain; everything else is as it must be.
    refused = {each.key for each in report.refused}
    assert refused <= {"gap-low"}
    # 64 variants would be needed, and of four some size tells their structure by chance.
    assert [each.key for each in report.open] == ["clue", "variants"]
    assert not report.learnable
    figures = {each.key: each.figure for each in report.criteria}
    assert figures["choice"] == pytest.approx(1, abs=0.05)
    assert report.to_dict()["combinations"] == 4
    assert all(each["anchored"] > 0.1 for each in report.outcomes.values())


@pytest.mark.slow("it plays 20 episodes")
def test_a_family_without_programs_is_judged_by_what_applies(make_task: MakeTask) -> None:
    folder = learnable(make_task)
    (folder / "programs.toml").unlink()
    report = validate_family(load_task(folder), 2, workers=4)
    assert report.refused == []
    assert "no programs.toml" in report.open[-1].detail
    assert not report.learnable


@pytest.mark.slow("it plays 30 episodes")
def test_a_fixed_patch_that_always_passes_is_found(make_task: MakeTask) -> None:
    patches = "\n".join(
        f'[[patch]]\nname = "{name}"\ncommand = "{command}"'
        for name, command in {
            "does-all": "cp data/../solve.py .; python -c pass; python data/lab.py line plain",
            "does-nothing": "cp data/sample_submission.csv submission.csv",
        }.items()
    ).replace("cp data/../solve.py .; python -c pass; ", "")
    generate = (load_task(learnable(make_task)).folder / "generate.py").read_text()
    simple = generate.replace('("line", "square")', '("line", "lines")').replace(
        '("plain", "folded")', '("plain", "simple")'
    )
    folder = learnable(make_task, **{"programs.toml": patches, "generate.py": simple})
    report = validate_family(load_task(folder), 2, workers=4)
    judged = _judged(report)
    assert judged["patches"] is False
    assert "variants" not in judged


@pytest.mark.slow("it plays 20 episodes")
def test_a_family_in_which_nothing_differs_is_refused(make_task: MakeTask) -> None:
    generate = (load_task(learnable(make_task)).folder / "generate.py").read_text()
    same = generate.replace('== "folded"', '== "never"').replace('== "square"', '== "never"')
    folder = learnable(make_task, **{"generate.py": same})
    report = validate_family(load_task(folder), 2, workers=4)
    refused = {each.key for each in report.refused}
    assert "gap" in refused
    assert "axis-shape" in refused
