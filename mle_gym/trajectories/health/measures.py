"""The checks of a training run's health: what each measures, its limit, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mle_gym.trajectories.health.episode_facts import EpisodeFacts

__all__ = ["MEASURES", "HealthCheck", "Limits", "Status"]

Status = Literal["ok", "warning", "wrong", "unmeasured"]
SAME = 1e-9
"""Returns that differ by less are the same."""
FEWEST = 10
"""Episodes of which a correlation says something."""
HARDLY_ANYTHING = 0.02
"""An anchored score up to which an episode has earned its milestones only."""


@dataclass(frozen=True)
class Limits:
    """The highest figure of each check that is in order; shares from 0 to 1."""

    failures: float = 0.05
    """Episodes in which the machinery failed."""
    false_zeros: float = 0.05
    """Episodes whose 0 would say nothing of the agent."""
    flat_groups: float = 0.5
    """Groups in which all rollouts have the same return, so that they teach nothing."""
    milestones: float = 0.5
    """Episodes that earn the milestones and no score."""
    clock: float = 0.1
    """Episodes that were ended, or had a command ended, by the clock."""
    repeats: float = 0.3
    """Actions that the same episode has taken before."""
    copies: float = 0.5
    """Episodes that do exactly what another one of their group does."""
    length: float = 0.8
    """Rank correlation of return and number of steps, without its sign."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise ValueError(f"the limit {name} must be from 0 to 1, not {value!r}")


@dataclass(frozen=True)
class HealthCheck:
    """What one check found."""

    name: str
    """A field of :class:`Limits`."""
    status: Status
    """``wrong`` if training would go wrong; ``warning`` if somebody should look."""
    figure: float | None
    """None if it could not be measured."""
    limit: float
    detail: str
    """What was counted."""
    advice: str = ""
    """What to do; empty if all is in order."""


@dataclass(frozen=True)
class Measured:
    """A check's figure, before it is compared with its limit."""

    figure: float | None
    detail: str
    advice: str = ""


Episodes = Sequence[EpisodeFacts]
"""Those of a run. The checks other than the first two get those alone whose reward is valid."""


def failures(episodes: Episodes) -> Measured:
    """Failures by kind and stage."""
    kinds = Counter(each.failure for each in episodes if each.failure)
    advice = (
        "look at the messages in info['failure'] and at `mle-gym doctor`; mask these episodes "
        "(reward_valid), and play retryable ones again"
    )
    return _share(kinds.total(), len(episodes), "episodes failed", _listed(kinds), advice)


def false_zeros(episodes: Episodes) -> Measured:
    """Zeros that say nothing of the agent."""
    why = Counter(each.no_fault for each in episodes if each.no_fault and abs(each.reward) < SAME)
    advice = (
        "leave these episodes out of the loss and of the group's mean (reward_valid is False, or "
        "the record has no end); if no action can be read, mend the parser of tool calls"
    )
    return _share(why.total(), len(episodes), "rewards are false zeros", _listed(why), advice)


def flat_groups(episodes: Episodes) -> Measured:
    """Groups whose returns are all the same."""
    groups = [group for group in _groups(episodes) if len(group) > 1]
    if not groups:
        return Measured(None, "no instance was played more than once")
    flat = [group for group in groups if max(_returns(group)) - min(_returns(group)) < SAME]
    at_zero = sum(abs(group[0].reward) < SAME for group in flat)
    kinds = Counter({"at 0": at_zero, "at another value": len(flat) - at_zero})
    advice = (
        "at 0: play easier instances (size='micro', difficulty, mle_gym.Curriculum), or pay "
        "reward='milestones'; at another value: harder ones, or a higher temperature"
    )
    return _share(len(flat), len(groups), "groups have one return", _listed(+kinds), advice)


def milestones(episodes: Episodes) -> Measured:
    """Episodes that live on milestones."""
    paid = [each for each in episodes if each.milestones]
    if not paid:
        return Measured(None, "the reward has no milestones")
    farmed = sum(each.lent > 0 and each.earned < HARDLY_ANYTHING for each in paid)
    advice = "go on with reward='anchored', which pays for the score alone"
    return _share(farmed, len(paid), "episodes earn milestones and no score", "", advice)


def clock(episodes: Episodes) -> Measured:
    """Episodes that the clock ended or disturbed."""
    bound = Counter(f"of the {each.clock}" for each in episodes if each.clock)
    advice = (
        "the same policy would earn something else on another machine: raise time_limit or "
        "default_timeout, play smaller instances, or run fewer episodes at the same time"
    )
    counted = "episodes met a time limit"
    return _share(bound.total(), len(episodes), counted, _listed(bound), advice)


def repeats(episodes: Episodes) -> Measured:
    """Actions that repeat an earlier one of their episode."""
    total = sum(len(each.actions) for each in episodes)
    if not total:
        return Measured(None, "there are no actions to compare")
    again = sum(len(each.actions) - len(set(each.actions)) for each in episodes)
    advice = "the policy is stuck: look at some episodes, and at what their outputs say"
    return _share(again, total, "actions repeat one of the same episode", "", advice)


def copies(episodes: Episodes) -> Measured:
    """Episodes that do what another one of their group does."""
    groups = [group for group in _groups(episodes) if len(group) > 1]
    if not groups:
        return Measured(None, "no instance was played more than once")
    seen = [Counter(each.actions for each in group) for group in groups]
    alike = sum(count for group in seen for count in group.values() if count > 1)
    advice = "exploration has died: raise the temperature or the entropy's weight, or stop earlier"
    total = sum(map(len, groups))
    return _share(alike, total, "episodes do what another of their group does", "", advice)


def length(episodes: Episodes) -> Measured:
    """How far the return goes with the number of steps."""
    steps, returns = [each.steps for each in episodes], _returns(episodes)
    if len(episodes) < FEWEST or len(set(steps)) < 2 or max(returns) - min(returns) < SAME:
        return Measured(None, "too few episodes that differ in length and return")
    correlation = float(np.corrcoef(_ranks(steps), _ranks(returns))[0, 1])
    direction = "longer" if correlation > 0 else "shorter"
    return Measured(
        abs(correlation),
        f"rank correlation {correlation:+.2f}: {direction} episodes earn more",
        "see whether length itself is paid: episodes that hit max_steps or max_completion_length",
    )


MEASURES: dict[str, tuple[Callable[[Episodes], Measured], Status]] = {
    "failures": (failures, "wrong"),
    "false_zeros": (false_zeros, "wrong"),
    "flat_groups": (flat_groups, "wrong"),
    "milestones": (milestones, "wrong"),
    "clock": (clock, "wrong"),
    "repeats": (repeats, "warning"),
    "copies": (copies, "warning"),
    "length": (length, "warning"),
}
"""For each field of :class:`Limits`, how it is measured, and how bad it is to be above it."""


def _share(part: int, whole: int, counted: str, listed: str, advice: str) -> Measured:
    if not whole:
        return Measured(None, "there are no episodes to look at")
    detail = f"{part} of {whole} {counted}" + (f": {listed}" if listed else "")
    return Measured(part / whole, detail, advice)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def _groups(episodes: Episodes) -> list[list[EpisodeFacts]]:
    groups: dict[str, list[EpisodeFacts]] = {}
    for each in episodes:
        groups.setdefault(each.group, []).append(each)
    return list(groups.values())


def _returns(episodes: Episodes) -> list[float]:
    return [each.reward for each in episodes]


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 0, the mean of them for equal values (Spearman's)."""
    order = sorted(values)
    first = {value: order.index(value) for value in set(values)}
    counts = Counter(values)
    return [first[value] + (counts[value] - 1) / 2 for value in values]
