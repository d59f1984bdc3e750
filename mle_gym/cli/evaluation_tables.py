"""The tables of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from mle_gym.cli.console import new_table
from mle_gym.evaluation.cells import Counts
from mle_gym.evaluation.comparison import Comparison
from mle_gym.evaluation.statistics import Estimate
from mle_gym.evaluation.summary import Summary

__all__ = ["agents_table", "cells_table", "comparisons_table", "estimate", "tables"]

SIGNIFICANT = 0.05


def tables(summary: Summary) -> Iterator[Table]:
    """All tables that have something to say."""
    yield cells_table(summary)
    if len({cell.task for cell in summary.cells}) > 1 or len(summary.agents) > 1:
        yield agents_table(summary)
    if summary.comparisons:
        yield comparisons_table(summary.comparisons)


def cells_table(summary: Summary) -> Table:
    """A row for each task and agent."""
    numbers = ("valid", "anchored", "worst case", "score")
    table = new_table("task", "agent", *numbers, "medals", "failed", "integrity", right=numbers)
    last = ""
    for cell in sorted(summary.cells, key=lambda each: (each.task, -each.worst_case)):
        task = cell.task.removeprefix("mle/")
        table.add_row(
            task if task != last else "",
            cell.agent,
            f"{cell.counts.valid} of {cell.counts.planned}",
            estimate(cell.mean),
            f"{cell.worst_case:.3f}",
            _number(cell.score, 5),
            ", ".join(f"{count} {medal}" for medal, count in sorted(cell.medals.items())) or "-",
            _failed(cell.counts),
            _integrity(cell.counts),
        )
        last = task
    return table


def agents_table(summary: Summary) -> Table:
    """A row for each agent, the best first."""
    names = ("mean", "IQM", "worst case", "any medal", "rank", "strength", "seconds", "cost")
    table = new_table("agent", *names, right=names)
    for row in summary.agents:
        strength = row.strength and f"{row.strength.value:+.2f} ± {row.strength.error:.2f}"
        table.add_row(
            row.agent,
            estimate(row.mean),
            estimate(row.iqm),
            f"{row.worst_case:.3f}",
            estimate(row.any_medal, percent=True),
            _number(row.rank, 2),
            strength or "-",
            _number(row.seconds, 1),
            _number(row.cost, 4),
        )
    return table


def comparisons_table(comparisons: tuple[Comparison, ...]) -> Table:
    """A row for each pair of agents."""
    names = ("difference", "pairs", "p", "p (Holm)", "beats")
    table = new_table("first", "second", *names, right=names)
    for each in comparisons:
        adjusted = each.p_adjusted
        style = "bold" if adjusted is not None and adjusted < SIGNIFICANT else ""
        table.add_row(
            each.first,
            each.second,
            estimate(each.difference, signed=True),
            f"{each.pairs} in {each.blocks}",
            _number(each.p, 4),
            Text(_number(adjusted, 4), style),
            "-" if each.improvement is None else f"{each.improvement:.0%}",
        )
    return table


def estimate(value: Estimate | None, *, percent: bool = False, signed: bool = False) -> str:
    """A figure with its interval, such as ``0.51 [0.40, 0.62]``."""
    if value is None:
        return "-"
    form = ".0%" if percent else "+.3f" if signed else ".3f"
    if value.low is None or value.high is None:
        return format(value.value, form)
    return f"{value.value:{form}} [{value.low:{form}}, {value.high:{form}}]"


def _failed(counts: Counts) -> str:
    """Episodes that came to nothing, by whose doing it was."""
    found = [
        f"{number} {name}"
        for name, number in (
            ("failed", counts.failed),
            ("by the agent", counts.agent_failed),
            ("missing", counts.missing),
        )
        if number
    ]
    return ", ".join(found) or "-"


def _integrity(counts: Counts) -> str:
    found = [
        f"{number} {name}"
        for name, number in (("violation", counts.violation), ("suspicious", counts.suspicious))
        if number
    ]
    return ", ".join(found) or "clean"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
