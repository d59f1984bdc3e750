"""Verdicts on made-up results; ``test_something_to_learn.py`` has the statistics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mle_gym.authoring.family_criteria import Measured, judge
from mle_gym.authoring.family_programs import FamilyPrograms
from mle_gym.authoring.play_programs import Played

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)


def _played(anchored: float, validation: float | None = None, **changes: Any) -> Played:
    """A result where lower is better: the floor is 10 and the ceiling 2."""
    score = 10 - 8 * anchored
    result = Played("", score, 10.0, 2.0, max(anchored, 0.0), None, validation, 0.1)
    return replace(result, **changes)


def _measured(**changes: Any) -> Measured:
    solution = _played(0.9, interval=(2.4, 3.2))
    found = Measured(
        variants=64,
        size="micro",
        references={"baseline": [_played(0.4)] * 20, "solution": [solution] * 20},
        levels={level: [_played(0.6 - 0.3 * level)] * 4 for level in LEVELS},
        no_levels="",
        programs=FamilyPrograms(),
        played={},
        axes={},
        structures=[],
        sizes=[],
        blind=[0.0, 0.1],
        prepare_micro=0.2,
        prepare_small=0.5,
    )
    return replace(found, **changes)


def _verdicts(found: Measured) -> dict[str, bool | None]:
    return {each.key: each.passed for each in judge(found)}


def test_without_programs_nothing_is_known_of_what_there_is_to_find_out() -> None:
    verdicts = _verdicts(_measured())
    assert verdicts.pop("programs") is None
    assert set(verdicts.values()) == {True}


@pytest.mark.parametrize("wrong", [_played(0.0), _played(-0.2), _played(0.95)])
@pytest.mark.parametrize(("count", "passed"), [(1, True), (2, False)])
def test_one_variant_of_twenty_may_be_out_of_order(wrong: Played, count: int, passed: bool) -> None:
    baseline = [wrong] * count + [_played(0.4)] * (20 - count)
    references = {**_measured().references, "baseline": baseline}
    assert _verdicts(_measured(references=references))["ladder"] is passed


def test_a_solution_that_depends_on_the_variant_is_refused() -> None:
    solution = [_played(score) for score in (0.7, 0.95)] * 10
    references = {**_measured().references, "solution": solution}
    assert _verdicts(_measured(references=references))["spread"] is False


def test_difficulty_must_make_it_harder() -> None:
    rising = {level: [_played(0.2 + level / 2)] for level in LEVELS}
    assert _verdicts(_measured(levels=rising))["falls"] is False
    assert _verdicts(_measured(levels={}, no_levels="no parameter"))["falls"] is False


def test_half_an_interval_is_compared_with_the_way_from_baseline_to_solution() -> None:
    # From 0.4 to 0.9 half a point: a quarter of that is 0.125, or 1 in the metric's units.
    for half, passed in ((0.99, True), (1.01, False)):
        solution = [_played(0.9, interval=(2.8 - half, 2.8 + half))] * 20
        references = {**_measured().references, "solution": solution}
        assert _verdicts(_measured(references=references))["noise"] is passed


def test_costs_and_blind_scores_have_limits() -> None:
    slow = _measured(prepare_micro=0.95, prepare_small=2.1, blind=[0.0, 0.4])
    verdicts = _verdicts(slow)
    assert [verdicts[key] for key in ("episode-cpu", "prepare-cpu", "blind")] == [False] * 3
    assert "episode-cpu" not in _verdicts(replace(slow, size="small"))


def _programs(count: int) -> FamilyPrograms:
    entries = [{"name": f"p{at}", "command": "true"} for at in range(count)]
    return FamilyPrograms.model_validate({"program": entries})


def _knowing(anchored: float, less_is_better: bool) -> Played:
    """A result whose validation is its score, of an error or of its reverse."""
    found = _played(anchored)
    assert found.score is not None
    if less_is_better:
        return replace(found, validation=found.score)
    return replace(found, score=-found.score, floor=-10.0, ceiling=-2.0, validation=-found.score)


@pytest.mark.parametrize("errors", [64, 0, 32])
def test_validations_count_in_the_direction_of_each_variants_metric(errors: int) -> None:
    # Each of eight programs is the best on every eighth variant, and its validation says so.
    played = {
        f"p{at}": [
            _knowing(0.9 if variant % 8 == at else 0.3, less_is_better=variant < errors)
            for variant in range(64)
        ]
        for at in range(8)
    }
    verdicts = _verdicts(_measured(programs=_programs(8), played=played))
    assert set(verdicts.values()) == {True}
    upside_down = {
        name: [replace(each, validation=-(each.validation or 0.0)) for each in column]
        for name, column in played.items()
    }
    verdicts = _verdicts(_measured(programs=_programs(8), played=upside_down))
    assert verdicts["choice"] is False
    assert verdicts["correlation"] is False


def test_programs_that_fail_or_say_nothing_are_named() -> None:
    silent, failed = _played(0.5), _played(0.0, problem="exit code 3: no such column")
    for result, message in ((silent, "validation: NUMBER"), (failed, "no such column")):
        played = {f"p{at}": [_played(0.5, 1.0)] * 63 + [result] for at in range(8)}
        (runs,) = (
            each
            for each in judge(_measured(programs=_programs(8), played=played))
            if each.key == "runs"
        )
        assert runs.passed is False
        assert message in runs.detail


def test_a_patch_may_pass_half_of_the_variants() -> None:
    patches = FamilyPrograms.model_validate({"patch": [{"name": "p", "command": "true"}]})
    for passes, passed in ((32, True), (33, False)):
        played = {"p": [_played(1.0)] * passes + [_played(0.2)] * (64 - passes)}
        verdicts = _verdicts(_measured(programs=patches, played=played))
        assert verdicts["patches"] is passed
        assert "gap" not in verdicts


def test_a_size_that_gives_the_structure_away_is_refused() -> None:
    structures = [{"shape": shape} for shape in ("line", "square") * 10]
    axes = {"shape": ("line", "square")}
    for told, passed in ((40, False), (0, True)):
        sizes = [
            {"bytes of train.csv": 1000 + number + told * (each["shape"] == "line")}
            for number, each in enumerate(structures)
        ]
        found = _measured(axes=axes, structures=structures, sizes=sizes)
        assert _verdicts(found)["clue"] is passed
