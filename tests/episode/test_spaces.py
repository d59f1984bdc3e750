from __future__ import annotations

import copy
import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Dict, Discrete
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from mle_gym.episode.actions.action import Submit
from mle_gym.episode.actions.parse import parse_action
from mle_gym.episode.spaces import ActionSpace, UnicodeText

SPACES = [UnicodeText(1000), ActionSpace()]


@pytest.mark.parametrize(
    "text", ["", "plain", "naïve 模型 ✓ \U0001f600", "\x00\x07\x1b[31m", "x" * 100]
)
def test_text_holds_any_string_that_utf8_can_carry(text: str) -> None:
    assert text in UnicodeText(100)


@pytest.mark.parametrize("value", ["\ud800", "a\udfffb", "x" * 101, b"bytes", 3, None, ["a"]])
def test_text_holds_nothing_else(value: object) -> None:
    assert value not in UnicodeText(100)


def test_text_bound_counts_characters_not_bytes() -> None:
    assert "模" * 100 in UnicodeText(100)


def test_text_needs_a_positive_bound() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        UnicodeText(0)


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_samples_are_in_the_space_and_repeat_with_the_seed(space: gymnasium.Space[Any]) -> None:
    space.seed(3)
    first = [space.sample() for _ in range(50)]
    space.seed(3)
    assert [space.sample() for _ in range(50)] == first
    assert all(sample in space for sample in first)
    assert len({str(sample) for sample in first}) > 5


def test_text_samples_keep_to_a_small_bound() -> None:
    space = UnicodeText(3, seed=0)
    assert all(space.sample() in space for _ in range(50))


def test_sampled_actions_are_strings_and_tool_calls_and_never_submit() -> None:
    space = ActionSpace(seed=0)
    samples = [space.sample() for _ in range(200)]
    assert {type(sample) for sample in samples} == {str, dict}
    assert not any(isinstance(parse_action(sample), Submit) for sample in samples)
    assert not any("submit" in str(sample) or "rm " in str(sample) for sample in samples)


def test_changing_a_sampled_action_changes_no_later_one() -> None:
    space = ActionSpace(seed=0)
    for _ in range(200):
        sample = space.sample()
        if isinstance(sample, dict):
            sample.clear()
    assert all(space.sample() in space for _ in range(200))


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_masks_are_refused(space: gymnasium.Space[Any]) -> None:
    with pytest.raises(ValueError, match="mask"):
        space.sample(mask=np.ones(3))


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_spaces_survive_pickle_and_deepcopy(space: gymnasium.Space[Any]) -> None:
    space.seed(5)
    twins = [pickle.loads(pickle.dumps(space)), copy.deepcopy(space)]
    expected = [space.sample() for _ in range(10)]
    for twin in twins:
        assert twin == space
        assert hash(twin) == hash(space)
        assert [twin.sample() for _ in range(10)] == expected


def test_spaces_differ_by_kind_and_bound() -> None:
    assert UnicodeText(10) != UnicodeText(11)
    assert UnicodeText(10) != ActionSpace()
    assert ActionSpace() == ActionSpace()


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_samples_round_trip_through_json(space: gymnasium.Space[Any]) -> None:
    samples = [space.sample() for _ in range(5)]
    assert space.from_jsonable(space.to_jsonable(samples)) == samples


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_batches_sample_iterate_and_concatenate(space: gymnasium.Space[Any]) -> None:
    batched = batch_space(space, 3)
    out: Any = create_empty_array(space, 3)
    sample = batched.sample()
    assert sample in batched
    assert len(sample) == 3
    assert list(iterate(batched, sample)) == list(sample)
    assert concatenate(space, list(sample), out) == tuple(sample)


def test_text_batches_inside_a_dict_beside_arrays() -> None:
    space = Dict({"output": UnicodeText(10), "exit_code": Discrete(256)})
    items = [{"output": "a", "exit_code": 1}, {"output": "b", "exit_code": 2}]
    out: Any = create_empty_array(space, 2)
    batch: Any = concatenate(space, items, out)
    assert batch["output"] == ("a", "b")
    assert batch["exit_code"].tolist() == [1, 2]
    assert batch in batch_space(space, 2)


def test_action_space_holds_what_parses() -> None:
    space = ActionSpace()
    assert "ls" in space
    assert {"tool": "list_files"} in space
    assert {"tool": "lst_files"} not in space
    assert "nul \0" not in space
    assert 3 not in space
