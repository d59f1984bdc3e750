"""What a family must show, with figures and thresholds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING, Any

import numpy as np

from mle_gym.authoring.something_to_learn import (
    Axis,
    Outcomes,
    axis_costs,
    best_fixed,
    gap,
    share_closed_by_choice,
    share_closed_by_two,
    spearman,
    validation_correlation,
)
from mle_gym.authoring.visible_sizes import clearest_clue, fewest_of_a_value

if TYPE_CHECKING:
    from mle_gym.authoring.family_programs import FamilyPrograms
    from mle_gym.authoring.play_programs import Played

__all__ = ["MOST_VARIANTS_OF_REFERENCES", "Criterion", "Measured", "judge"]

MOST_VARIANTS_OF_REFERENCES = 20
FEWEST_VARIANTS, FEWEST_PROGRAMS = 64, 8
LADDER = 19 / 20
STEADY = 0.1
GAP, GAP_LOW = 0.15, 0.10
CHOICE, CORRELATION = 0.8, 0.75
TWO = 0.6
AXIS = 0.05
BLIND = 0.1
FALLS = 0.9
NOISE = 0.25
CLUE, FEWEST_OF_A_VALUE = 0.9, 10
"""Among fewer variants some size tells them apart by chance."""
EPISODE_SECONDS, PREPARE_SECONDS = 1.0, 2.0
PATCHED, PASSES = 0.5, 0.9
"""The share of variants that a patch may pass; the anchored score from which it does."""


@dataclass(frozen=True)
class Criterion:
    """One thing that a family must show."""

    key: str
    """Short, and the same in every report: ``"gap"``, ``"axis-shape"``."""
    name: str
    figure: float | None
    """What was measured; None if nothing could be."""
    limit: str
    """The threshold, in words: ``"at least 0.15"``."""
    passed: bool | None
    """None if it can't be told: say, there are no programs to measure it with."""
    detail: str = ""


@dataclass(frozen=True)
class Measured:
    """All that was measured of a family."""

    variants: int
    size: str
    references: Mapping[str, list[Played]]
    """``baseline`` and ``solution`` on the first variants."""
    levels: Mapping[float, list[Played]]
    """The baseline by difficulty."""
    no_levels: str
    """Why there are no levels of difficulty; empty if there are."""
    programs: FamilyPrograms
    played: Mapping[str, list[Played]]
    """Every program and patch on every variant, by name."""
    axes: Mapping[str, tuple[Any, ...]]
    structures: list[dict[str, Any]]
    """Of each variant."""
    sizes: list[dict[str, int]]
    """Of each variant: what files have how many bytes and lines."""
    blind: list[float]
    """The anchored scores of what needs no look at the data."""
    prepare_micro: float
    prepare_small: float
    """In seconds of CPU."""

    def outcomes(self) -> Outcomes:
        """The table that the statistics are about.

        A validation counts by its place between the variant's anchors, which turns errors round. A
        family may draw its metric, so that less is better on some variants only.
        """
        columns = [self.played[program.name] for program in self.programs.program]
        truth = [[each.anchored for each in column] for column in columns]
        own = [
            [np.nan if each.problem or (place := each.place(each.validation)) is None else place
             for each in column]
            for column in columns
        ]  # fmt: skip
        return Outcomes(np.array(truth, dtype=float).T, np.array(own, dtype=float).T)

    def axis(self, name: str) -> Axis:
        """One axis, with who is right about it."""
        entries = self.programs.program
        right = {value: [each.is_right(name, value) for each in entries]
                 for value in self.axes[name]}  # fmt: skip
        return Axis(name, [each[name] for each in self.structures], right)

    def by_program(self) -> dict[str, Any]:
        """The mean anchored score of each program, and on how many variants it is the best."""
        names = [program.name for program in self.programs.program]
        scores = {name: [each.anchored for each in self.played[name]] for name in names}
        best = [max(column) for column in zip(*scores.values(), strict=True)]
        return {
            name: {
                "anchored": fmean(found),
                "best_on": sum(a >= b > 0 for a, b in zip(found, best, strict=True)),
            }
            for name, found in scores.items()
            if found
        }


def judge(found: Measured) -> list[Criterion]:
    """Every criterion that applies, or that would if there were programs."""
    criteria = [*_references(found), _blind(found), _falls(found), _noise(found), *_costs(found)]
    if found.axes:
        criteria.append(_clue(found))
    if found.programs.patch and not found.programs.program:
        return [*criteria, _runs(found), _patches(found)]
    return [*criteria, *_something_to_find_out(found)]


def _least(key: str, name: str, figure: float | None, limit: float, detail: str = "") -> Criterion:
    passed = None if figure is None else figure >= limit
    return Criterion(key, name, figure, f"at least {limit:g}", passed, detail)


def _most(key: str, name: str, figure: float | None, limit: float, detail: str = "") -> Criterion:
    passed = None if figure is None else figure <= limit
    return Criterion(key, name, figure, f"at most {limit:g}", passed, detail)


def _references(found: Measured) -> Iterator[Criterion]:
    baseline, solution = found.references["baseline"], found.references["solution"]
    # Where outputs are right or wrong, the program that one is given may be worth nothing.
    free = bool(found.programs.patch)
    steps = [_in_order(b, s, free) for b, s in zip(baseline, solution, strict=True)]
    problems = [each.problem for each in (*baseline, *solution) if each.problem]
    detail = f"{sum(steps)} of {len(steps)} variants"
    if problems:
        detail += f"; {len(problems)} runs failed, the first with: {problems[0]}"
    middle = "<=" if free else "<"
    yield _least(
        "ladder",
        f"floor {middle} baseline < solution, share of variants",
        fmean(steps),
        LADDER,
        detail,
    )
    scores = [each.anchored for each in solution]
    spread = stdev(scores) if len(scores) > 1 else None
    detail = f"mean {fmean(scores):.3f}, baseline {fmean(b.anchored for b in baseline):.3f}"
    yield _most("spread", "the solution's s.d. over variants", spread, STEADY, detail)


def _in_order(baseline: Played, solution: Played, free: bool) -> bool:
    low, high = baseline.place(baseline.score), solution.place(solution.score)
    if high is None:
        return False
    if low is None:  # a baseline without a score is worth the floor
        return free and high > 0
    return (low > 0 or (free and low >= 0)) and low < high


def _blind(found: Measured) -> Criterion:
    name = "what never opens the data scores"
    return _most(
        "blind", name, fmean(found.blind), BLIND, f"up to {max(found.blind):.3f} on a variant"
    )


def _falls(found: Measured) -> Criterion:
    name = "the baseline falls as difficulty rises, rank correlation"
    if found.no_levels:
        return Criterion("falls", name, None, f"at least {FALLS:g}", False, found.no_levels)
    means = {level: fmean(p.anchored for p in played) for level, played in found.levels.items()}
    fall = spearman(list(means), [-mean for mean in means.values()])
    detail = ", ".join(f"{level:g}: {mean:.3f}" for level, mean in means.items())
    return _least("falls", name, round(fall, 9), FALLS, detail)


def _clue(found: Measured) -> Criterion:
    """Whether a structure shows in the sizes of files, so that nobody has to look into them."""
    name = "what a file's size tells of the structure"
    if fewest_of_a_value(found.structures) < FEWEST_OF_A_VALUE:
        return _most("clue", name, None, CLUE, f"needs {FEWEST_OF_A_VALUE} variants of each value")
    detail, clearest = clearest_clue(found.sizes, found.structures)
    return _most("clue", name, clearest, CLUE, detail)


def _noise(found: Measured) -> Criterion:
    """Half a score's interval beside the way from baseline to solution."""
    name = "half a score's interval, by solution minus baseline"
    baseline, solution = found.references["baseline"], found.references["solution"]
    halves = []
    for each in solution:
        ends = [each.place(end) for end in each.interval or ()]
        if len(ends) == 2 and ends[0] is not None and ends[1] is not None:
            halves.append(abs(ends[1] - ends[0]) / 2)
    if not halves:
        why = "scores of this task have no interval"  # a grade.py, a deterministic check
        return Criterion("noise", name, None, f"at most {NOISE:g}", True, why)
    way = fmean(e.anchored for e in solution) - fmean(e.anchored for e in baseline)
    figure = fmean(halves) / way if way > 0 else float(len(halves))
    return _most("noise", name, figure, NOISE, f"{fmean(halves):.3f} of {way:.3f}")


def _costs(found: Measured) -> Iterator[Criterion]:
    programs = [p for program in found.programs.program for p in found.played[program.name]]
    fits = programs or found.references["baseline"]
    cpu = [each.cpu_seconds for each in fits]
    if found.size == "micro":
        whole = found.prepare_micro + median(cpu)
        detail = f"prepare {found.prepare_micro:.2f}, fit and submit {median(cpu):.2f}"
        detail += f", the slowest {max(cpu):.2f}"
        name = "prepare, fit and submit at micro, seconds of CPU"
        yield _most("episode-cpu", name, whole, EPISODE_SECONDS, detail)
    detail = f"at micro {found.prepare_micro:.2f}"
    name, figure = "prepare at small, seconds of CPU", found.prepare_small
    yield _most("prepare-cpu", name, figure, PREPARE_SECONDS, detail)


def _runs(found: Measured) -> Criterion:
    """Every program runs on every variant, and programs say what they expect."""
    name = "programs that fail or don't say what they expect, share of runs"
    expecting = {program.name for program in found.programs.program}
    bad = []
    for program, played in found.played.items():
        for each in played:
            if each.problem:
                bad.append(f"{program}: {each.problem}")
            elif program in expecting and (each.validation is None or np.isnan(each.validation)):
                bad.append(f"{program}: its last line is not 'validation: NUMBER'")
    total = sum(map(len, found.played.values()))
    return _most("runs", name, len(bad) / total, 0.0, bad[0] if bad else f"{total} runs")


def _patches(found: Measured) -> Criterion:
    name = "the best fixed patch passes, share of variants"
    shares = {
        patch.name: fmean(each.anchored >= PASSES for each in found.played[patch.name])
        for patch in found.programs.patch
    }
    best = max(shares, key=lambda patch: shares[patch])
    return _most("patches", name, shares[best], PATCHED, f"{best}, the best of {len(shares)}")


def _something_to_find_out(found: Measured) -> Iterator[Criterion]:
    count = len(found.programs.program)
    enough = None if found.variants < FEWEST_VARIANTS else True
    yield Criterion("variants", "variants", found.variants, f"at least {FEWEST_VARIANTS}", enough)
    if count == 0:
        why = "no programs.toml, so nothing is known of what there is to find out"
        yield Criterion(
            "programs", "honest programs of one fit", 0, f"at least {FEWEST_PROGRAMS}", None, why
        )
        return
    yield _least("programs", "honest programs of one fit", count, FEWEST_PROGRAMS)
    yield _runs(found)
    yield from _gaps(found)
    for name in found.axes:
        yield _axis(found, name)


def _gaps(found: Measured) -> Iterator[Criterion]:
    outcomes = found.outcomes()
    fixed = best_fixed(outcomes.truth)
    name, value = found.programs.program[fixed].name, outcomes.truth.mean(axis=0)[fixed]
    mean, low, high = gap(outcomes.truth)
    block = math.prod(map(len, found.axes.values()))
    best = f"{value:.3f} ({name}) to {value + mean:.3f}"
    yield _least("gap", "each variant's best program above the best fixed one", mean, GAP, best)
    yield _least(
        "gap-low", "the lower end of that gap's interval", low, GAP_LOW, f"{low:.3f} to {high:.3f}"
    )
    name = "the gap's share that choosing by validation closes"
    yield _least("choice", name, share_closed_by_choice(outcomes), CHOICE)
    name = "correlation of validation and score within a variant"
    yield _least("correlation", name, validation_correlation(outcomes), CORRELATION)
    name = "the gap's share that the best list of two closes"
    yield _most("two", name, share_closed_by_two(outcomes, block), TWO)


def _axis(found: Measured, name: str) -> Criterion:
    """What being wrong about an axis costs where it costs least."""
    costs = axis_costs(found.outcomes().truth, found.axis(name))
    key, title = f"axis-{name}", f"being wrong about {name} costs, whatever is true"
    shown = [f"{value} {_figure(cost)}" for value, cost in costs.items()]
    known = [cost for cost in costs.values() if cost is not None]
    if len(known) < len(costs):
        why = "no program assumes it, or no program assumes otherwise"
        return Criterion(
            key, title, None, f"at least {AXIS:g}", False, f"{', '.join(shown)}: {why}"
        )
    return _least(key, title, min(known), AXIS, ", ".join(shown))


def _figure(cost: float | None) -> str:
    return "unknown" if cost is None else f"{cost:.3f}"
