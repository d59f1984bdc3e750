"""Averages many runs of many competitions, as MLE-bench's own leaderboard does.

The n-th report of each competition belongs to seed n. A seed counts if it has a report for every
competition of the split. Padding adds a failed run for each that is missing.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mle_gym.errors import TrajectoryError
from mle_gym.integrations.mle_bench.report import MEDALS, Report
from mle_gym.regular_files import read_regular
from mle_gym.trajectories.space_json import Decoder

__all__ = ["FLAGS", "read_reports", "summarize", "summarize_what_is_there"]

FLAGS = {
    "submission_exists_percentage": "submission_exists",
    "valid_submissions_percentage": "valid_submission",
    "above_median_percentage": "above_median",
    "gold_medal_percentage": "gold_medal",
    "silver_medal_percentage": "silver_medal",
    "bronze_medal_percentage": "bronze_medal",
    "any_medal_percentage": "any_medal",
}
"""MLE-bench's name of each figure, and the field of a report that it counts."""
MOST_BYTES = 64 * 2**20
"""The size of a report, and of its values in memory."""
NORMAL = 1.96
"""How many standard errors a 95% interval extends to either side of the mean."""


def summarize(
    reports: Sequence[Report], competitions: Sequence[str], *, seeds: int = -1, pad: bool = False
) -> dict[str, Any]:
    """The mean over seeds of each percentage, with its standard error and 95% interval.

    Args:
        reports: The reports of all runs, in the order of their seeds.
        competitions: The competitions that count and that a complete seed has.
        seeds: How many seeds to average, from the first; -1 for all.
        pad: Count a missing run as one without a submission. Otherwise only complete seeds count.

    Returns:
        ``num_seeds_averaged``, ``num_competitions_per_seed`` and ``metrics``, each of which has
        ``mean``, ``standard_error``, ``ci_lower`` and ``ci_upper``, in percent (but for
        ``total_competitions``); ``seeds`` has the same figures of each seed.

    Raises:
        ValueError: There is no complete seed, or there are fewer than ``seeds``.
    """
    runs: dict[str, list[Report]] = defaultdict(list)
    for report in reports:
        runs[report["competition_id"]].append(report)
    counts = [len(runs[name]) for name in competitions]
    missing = [name for name, count in zip(competitions, counts, strict=True) if not count]
    if missing and not pad:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if missing[5:] else "")
        raise ValueError(f"no complete seed: no report of {shown}; pad to count them as failed")
    # Without padding, only seeds count for which every competition has a report.
    there = max(counts) if pad else min(counts)
    if not there:
        raise ValueError("no complete seed: no report of any competition of the split")
    if seeds > there:
        raise ValueError(f"expected {seeds} seeds, found {there}{'' if pad else ' complete'}")
    chosen = there if seeds == -1 else seeds
    each = [_seed(runs, competitions, seed) for seed in range(chosen)]
    return {
        "num_seeds_averaged": chosen,
        "num_competitions_per_seed": len(competitions),
        "metrics": {name: _figure([found[name] for found in each]) for name in each[0]},
        "seeds": each,
    }


def summarize_what_is_there(
    reports: Sequence[Report], competitions: Sequence[str], *, seeds: int = -1, pad: bool = False
) -> dict[str, Any]:
    """Like :func:`summarize`, with a caveat instead of an error.

    Returns:
        In addition ``missing``, how many runs each competition has fewer than the one with the
        most, and ``caveat``, which says what the figures leave out or count as failed; empty if
        nothing. ``outside`` counts the reports of competitions that are not among ``competitions``.
    """
    runs = Counter(report["competition_id"] for report in reports)
    counts = {name: runs[name] for name in competitions}
    most, complete = max(counts.values(), default=0), min(counts.values(), default=0)
    missing = {name: max(most, 1) - found for name, found in counts.items() if found < max(most, 1)}
    caveats = _caveats(missing, complete, pad)
    there = complete if complete and not pad else most
    if seeds > there:
        caveats.append(f"{seeds} seeds were requested, and {there} can be averaged")
    found: dict[str, Any] = {"num_seeds_averaged": 0, "num_competitions_per_seed": len(counts)}
    if most:
        chosen, padded = min(seeds, there), pad or not complete
        found = summarize(reports, competitions, seeds=chosen, pad=padded)
    outside = {name: count for name, count in sorted(runs.items()) if name not in counts}
    lacking = {"missing": missing, "outside": outside, "caveat": "; ".join(caveats)}
    return {"metrics": {}, "seeds": [], **found, **lacking}


def _caveats(missing: dict[str, int], complete: int, pad: bool) -> list[str]:
    if not missing or pad:
        return []
    names = sorted(missing, key=lambda name: -missing[name])
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")
    rest = f"only the {complete} complete seeds are averaged"
    return [f"runs are missing of {shown}: {rest if complete else 'they count as failed'}"]


def read_reports(paths: Sequence[Path]) -> list[Report]:
    """The reports on single competitions in aggregate reports, ours or MLE-bench's.

    A ``.jsonl`` file, with one report on each line, remains from grading that was killed.

    Raises:
        TrajectoryError: A file is not such a report; the message names it.
        OSError: A file can't be read.
    """
    found: list[Report] = []
    for path in sorted(paths):
        try:
            content = read_regular(path, MOST_BYTES)
            if path.suffix == ".jsonl":
                content = b'{"competition_reports": [%s]}' % b",".join(content.splitlines())
            reports = Decoder(MOST_BYTES).loads(content)[0]["competition_reports"]
            if not all(map(_is_report, reports)):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise TrajectoryError(f"{path}: expected a report of MLE-bench's format") from None
        reports = [{**r, "any_medal": any(r[f"{name}_medal"] for name in MEDALS)} for r in reports]
        found += sorted(reports, key=lambda report: str(report["competition_id"]))
    return found


def _is_report(report: object) -> bool:
    """Whether it has the fields that are counted, with their types."""
    flags = set(FLAGS.values()) - {"any_medal"}
    return (
        isinstance(report, dict)
        and isinstance(report.get("competition_id"), str)
        and all(isinstance(report.get(flag), bool) for flag in flags)
    )


def _seed(
    runs: dict[str, list[Report]], competitions: Sequence[str], seed: int
) -> dict[str, float]:
    """MLE-bench's figures of one seed: the percentage of competitions with each flag."""
    there = [runs[name][seed] for name in competitions if seed < len(runs[name])]
    shares = {
        name: 100 * sum(bool(report[flag]) for report in there) / len(competitions)
        for name, flag in FLAGS.items()
    }
    return {"total_competitions": len(competitions), **shares}


def _figure(values: Sequence[float]) -> dict[str, float]:
    """Mean, standard error and interval over seeds."""
    mean = statistics.fmean(values)
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return {
        "mean": mean,
        "standard_error": error,
        "ci_lower": mean - NORMAL * error,
        "ci_upper": mean + NORMAL * error,
    }
