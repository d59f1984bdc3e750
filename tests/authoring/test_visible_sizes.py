"""What the sizes of files tell of a variant's structure."""

from __future__ import annotations

import pytest

from mle_gym.authoring.visible_sizes import clearest_clue, fewest_of_a_value, visible_sizes
from mle_gym.datasets.prepare import prepare
from mle_gym.tasks.catalog import load_task

STRUCTURES = [{"noise": "low", "gaps": gaps} for gaps in ("none", "zeros", "none", "zeros")]


def test_a_size_that_tells_without_exception_is_named() -> None:
    sizes = [{"lines of a.csv": lines, "bytes of a.csv": 7} for lines in (10, 12, 11, 15)]
    told, clue = clearest_clue(sizes, STRUCTURES)
    assert (told, clue) == ("lines of a.csv tells none from zeros (gaps)", 1.0)


def test_equal_sizes_tell_nothing() -> None:
    assert clearest_clue([{"bytes of a.csv": 7}] * 4, STRUCTURES) == ("", 0.0)


def test_sizes_that_overlap_tell_in_part() -> None:
    sizes = [{"lines of a.csv": lines} for lines in (10, 12, 12, 11)]
    assert clearest_clue(sizes, STRUCTURES)[1] == pytest.approx(0.25)


def test_a_file_that_only_some_variants_have_is_a_clue() -> None:
    sizes = [{}, {"bytes of a.csv": 0}, {}, {"bytes of a.csv": 0}]
    assert clearest_clue(sizes, STRUCTURES)[1] == 1.0


def test_the_rarest_value_says_how_many_variants_there_are_to_tell_it_by() -> None:
    assert fewest_of_a_value([*STRUCTURES, {"noise": "high", "gaps": "none"}]) == 1
    assert fewest_of_a_value(STRUCTURES) == 2
    assert fewest_of_a_value([]) == 0


def test_what_an_agent_sees_is_measured() -> None:
    sizes = visible_sizes(prepare(load_task("titanic")))
    assert sizes["lines of test.csv"] > 100
    assert sizes["empty cells of test.csv"] > 10
    assert sizes["bytes of description.md"] > 100
