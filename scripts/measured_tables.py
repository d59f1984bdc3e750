"""Makes the tables of measurements from the files that the benchmark and the soak wrote last.

python -m benchmarks --out docs/benchmarks
python -m benchmarks.soak --out docs/benchmarks
python -m benchmarks.hand_ins --out docs/benchmarks/hand_ins.json
python -m benchmarks.audit_rates RUN… --out docs/benchmarks/audit_rates.json
python -m benchmarks.families --out docs/benchmarks
python -m benchmarks.learning report FAMILY … --runs RUN …
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

from mle_gym.tasks.catalog import load_task, task_folders

__all__ = [
    "audit_rates_table",
    "benchmarks_table",
    "families_table",
    "hand_ins_table",
    "learning_table",
    "soak_table",
    "speed_table",
]

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"
OURS = "bubblewrap warm"
SHOWN = {
    "trivial-step": "bare bash",
    "import-step": "bare python",
    "reset": "docker exec",
    "fork": "docker exec",
    "episode": "docker exec",
    "throughput-2": "docker exec",
    "import": "bare python",
}
"""The rows of the README's table, each with the column that it is compared with there."""


def speed_table() -> str:
    """The README's selection from the last run of the benchmark."""
    rows = {row["name"]: row for row in _read()["rows"]}
    lines = ["| | mle-gym, bubblewrap | beside it | ratio |", "|---|--:|--:|--:|"]
    for name, other in SHOWN.items():
        row = rows[name]
        ours, beside = (row["cells"][column]["median"] for column in (OURS, other))
        lines.append(
            f"| {row['what']} | {_digits(ours)} {row['unit']} | {other} {_digits(beside)} | "
            f"{_ratio(row, ours, beside)} |"
        )
    return "\n".join(lines)


def benchmarks_table() -> str:
    """Every row and column of the last run of the benchmark."""
    measured = _read()
    columns = list(measured["columns"])
    lines = [f"| | {' | '.join(columns)} |", "|---|" + "--:|" * len(columns)]
    for row in measured["rows"]:
        cells = [_digits(row["cells"].get(column, {}).get("median")) for column in columns]
        if not any(cells):
            continue
        lines.append(f"| {row['what']} ({row['unit']}) | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_circumstances(measured)])


def hand_ins_table() -> str:
    """What each reward pays for a hand-in, from the least to the most over tasks and variants."""
    rows = _read("hand_ins.json")
    rewards = list(dict.fromkeys(name for row in rows for name in row["paid"]))
    lines = [f"| handed in | {' | '.join(f'`{name}`' for name in rewards)} |"]
    lines.append("|---|" + "--:|" * len(rewards))
    for hand_in in dict.fromkeys(row["hand_in"] for row in rows):
        paid = [row["paid"] for row in rows if row["hand_in"] == hand_in]
        cells = [_range([each[name] for each in paid if name in each]) for name in rewards]
        lines.append(f"| {hand_in} | {' | '.join(cells)} |")
    tasks, variants = ({row[name] for row in rows} for name in ("task", "variant"))
    played = f"{len(tasks)} tasks, variants {', '.join(map(str, sorted(variants)))}"
    return "\n".join([*lines, "", f"From the least to the most over {played}."])


def audit_rates_table() -> str:
    """How many episodes of each agent the audit finds suspicious, and the most that one scored."""
    rows = _read("audit_rates.json")
    lines = ["| episodes of | played | suspicious | best anchored score |", "|---|--:|--:|--:|"]
    for row in rows:
        most = f"{row['most']:.3f}"
        lines.append(f"| {row['who']} | {row['episodes']} | {row['recognised']} | {most} |")
    return "\n".join(lines)


def _range(values: list[float]) -> str:
    least, most = f"{min(values):.2f}", f"{max(values):.2f}"
    return least if least == most else f"{least} to {most}"


def learning_table() -> str:
    """What trained policies score on held-out variants, beside what needs no learning."""
    lines = [
        "| family | | score | way closed | fits | episodes | seeds |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for report in _read("learning.json"):
        family = f"[`{report['task']}`](environments/{report['task']}.md)"
        for name, known in report["references"].items():
            closed = f"{known['closed']:.0%}" if "closed" in known else ""
            lines.append(f"| {family} | {name} | {known['score']:.3f} | {closed} | | | |")
        groups: dict[str, list[dict[str, Any]]] = {}
        for run in report["runs"]:
            groups.setdefault(run["run"].rpartition("-")[0], []).append(run)
        for name, runs in groups.items():
            cells = [_span([run[key] for run in runs], digits) for key, digits in LEARNED.items()]
            lines.append(f"| {family} | **{name}** | {' | '.join(cells)} | {len(runs)} |")
    return "\n".join(lines)


LEARNED = {"score": ".3f", "closed": ".0%", "fits": ".1f", "episodes": ",.0f"}
"""What is shown of runs, and how."""


def _span(values: list[float], digits: str) -> str:
    """The mean of some seeds' values, with the least and the most if they differ."""
    mean, least, most = (format(of(values), digits) for of in (fmean, min, max))
    return mean if least == most else f"{mean} ({least} to {most})"


def families_table() -> str:
    """What was measured of each family, and why it is learnable or not."""
    lines = [
        "| family | variants | programs | baseline → solution | best fixed → best | validation "
        "closes | two close | learnable |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    reports = {each["task"]: each for each in _read("families.json")}
    if not reports:
        return "No family has been measured yet."
    for family in sorted({*reports, *_families()}):
        report = reports.get(family)
        name = f"[`{family}`](environments/{family}.md)"
        if report is None or "error" in report:
            lines.append(f"| {name} | | | | | | | not measured |")
            continue
        ends = f"{report['baseline']:.2f} → {report['solution']:.2f}"
        entries = report["programs"] or f"{report['patches']} patches"
        cells = (report["variants"], entries, ends, *_gap(report), _reasons(report))
        lines.append(f"| {name} | {' | '.join(map(str, cells))} |")
    if (FOLDER / "families.png").is_file():
        lines += ["", "![what closes the gap in each family](benchmarks/families.png)"]
    return "\n".join(lines)


def _families() -> list[str]:
    """The built-in tasks whose data are generated."""
    tasks = map(load_task, task_folders())
    return sorted(task.id for task in tasks if task.data.loader == "generate")


def _gap(report: dict[str, Any]) -> tuple[str, str, str]:
    """From the best fixed program to the best one of each variant, and what closes that gap."""
    figures = {each["key"]: each["figure"] for each in report["criteria"]}
    if figures.get("gap") is None:
        return "", "", ""
    fixed = max(each["anchored"] for each in report["outcomes"].values())
    ends = f"{fixed:.2f} → {fixed + figures['gap']:.2f}"
    return ends, f"{figures['choice']:.0%}", f"{figures['two']:.0%}"


def _reasons(report: dict[str, Any]) -> str:
    """Whether a family is learnable, and which criteria it doesn't meet."""
    if report["learnable"]:
        return "yes"
    missed = [each for each in report["criteria"] if each["passed"] is not True]
    return "; ".join(f"{each['name']}: {_missed(each)}" for each in missed)


def _missed(criterion: dict[str, Any]) -> str:
    if criterion["figure"] is None:
        return str(criterion["detail"])
    return f"{criterion['figure']:.3g}, {criterion['limit']}"


def soak_table() -> str:
    """Five of the soak's samples, from the first to the last."""
    measured = _read("soak.json")
    samples = measured["samples"]
    lines = [
        f"| {' | '.join(name.replace('_', ' ') for name in samples[0])} |",
        f"|{'--:|' * len(samples[0])}",
    ]
    for place in range(5):
        sample = samples[place * (len(samples) - 1) // 4]
        lines.append(f"| {' | '.join(f'{value:,}' for value in sample.values())} |")
    backends, grew = ", ".join(measured["backends"]), "; ".join(measured["grew"]) or "nothing"
    return "\n".join([*lines, "", f"Backends in turns: {backends}. What grew: {grew}."])


def _circumstances(measured: dict[str, Any]) -> list[str]:
    machine = measured["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    absent = "; ".join(f"{name}: {reason}" for name, reason in measured["absent"].items())
    text = (
        f"Medians of {measured['started'][:10]}, {machine['processors']} x {machine['processor']}, "
        f"{machine['system'].split('-with-')[0]}, Python {machine['python']}, {libraries}; load "
        f"{machine['load_before']:.1f} before, {machine['load_after']:.1f} after."
    )
    return [text, *([f"Not measured: {absent}."] if absent else [])]


def _read(name: str = "benchmarks.json") -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def _digits(value: float | None) -> str:
    """At least two significant digits; empty if nothing was measured."""
    return "" if value is None else f"{value:,.{0 if abs(value) >= 10 else 1}f}"


def _ratio(row: dict[str, Any], ours: float, beside: float) -> str:
    """How two values compare, in words that show which one is better."""
    better = ours / beside if row["higher_is_better"] else beside / ours
    if better >= 1.5:
        return f"{_digits(better)}x {'as many' if row['higher_is_better'] else 'faster'}"
    return f"{ours / beside:.1f}x"
