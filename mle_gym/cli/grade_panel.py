"""The panel in which ``grade``, ``run`` and ``play`` show a grade."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

__all__ = ["grade_panel"]

STYLES = {"gold": "bold yellow", "silver": "bold white", "bronze": "bold dark_orange3"}


def grade_panel(grade: dict[str, Any]) -> RenderableType:
    """A grade's panel; the title has the medal, the rows have the scores."""
    medal = grade["medal"]
    title = Text.assemble((grade["task"], "bold"))
    if medal:
        title.append(f"  {medal} medal", style=STYLES[medal])
    if not grade["valid"]:
        title.append("  invalid submission", style="bold red")
    table = Table.grid(padding=(0, 2))
    for name, value in _rows(grade).items():
        table.add_row(Text(name, style="dim"), value)
    # Records of older versions lack this field, and ``anchored``, ``score_ci`` and ``board``.
    if grade.get("grader", "strict") != "strict":
        title.append(f"  {grade['grader']} grading", style="dim")
    return Panel(table, title=title, title_align="left", expand=False, padding=(0, 1))


def _rows(grade: dict[str, Any]) -> dict[str, Text]:
    if not grade["valid"]:
        return {grade["error_code"]: Text(grade["error_message"])}
    direction = "higher" if grade["higher_is_better"] else "lower"
    rows = {
        grade["metric"]: Text.assemble(
            (_number(grade["score"]), "bold"), f" ({direction} is better)"
        ),
        **{name: Text(_part(part)) for name, part in (grade.get("parts") or {}).items()},
        "normalized": Text(_number(grade["normalized"])),
        "public score": Text(_number(grade["public_score"])),
    }
    if grade.get("anchored") is not None:
        ends = f"{_number(grade['floor'])} is 0, {_number(grade['ceiling'])} is 1"
        rows["anchored"] = Text(f"{_number(grade['anchored'])} ({ends})")
    if grade.get("score_ci") is not None:
        low, high = map(_number, grade["score_ci"])
        rows["95% interval"] = Text(f"{low} to {high}, over resampled test rows")
    if grade["percentile"] is not None:
        board = grade.get("board") or "the leaderboard"
        rows["leaderboard"] = Text(f"better than {grade['percentile']:.0%} of {board}")
    if grade.get("human_rank") is not None:
        rows["HumanRank"] = Text(f"{_number(grade['human_rank'])}, as MLE-Dojo computes it")
    if grade["thresholds"]:
        shown = [f"{name} {_number(value)}" for name, value in grade["thresholds"].items()]
        rows["thresholds"] = Text(", ".join(shown))
    return rows


def _part(part: float | str) -> str:
    return part if isinstance(part, str) else _number(part)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.5g}"
