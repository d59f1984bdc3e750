"""Write the generated tables and pages of README.md, docs/ and MLEEnv from the code, or check them.

python scripts/update_docs.py [--check] [--only tables|pages]
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from argument_tables import arguments_in_docstring, arguments_table, tools_table
from environment_pages import FOLDER, asked, built_in, environment_pages, metric
from measured_tables import (
    audit_rates_table,
    benchmarks_table,
    families_table,
    hand_ins_table,
    learning_table,
    soak_table,
    speed_table,
)

from mle_gym.episode.failures import KINDS
from mle_gym.integrations.mle_bench.known_issues import known_issues
from mle_gym.metrics import METRICS
from mle_gym.tasks.spec import TaskSpec

CHECKOUT = Path(__file__).resolve().parent.parent


def _built_in(*, competitions: bool) -> list[TaskSpec]:
    """The built-in tasks, Kaggle's or the others."""
    return [task for task in built_in() if (task.data.loader == "kaggle") == competitions]


def tasks_table() -> str:
    """The built-in tasks whose data are bundled."""
    rows = [
        "| id | task | metric | sample | baseline | solution |",
        "|---|---|---|--:|--:|--:|",
    ]
    return "\n".join([*rows, *map(_task_row, _built_in(competitions=False))])


def competitions_table() -> str:
    """Kaggle's competitions."""
    rows = [
        "| id | task | metric | download | gold | median | sample |",
        "|---|---|---|--:|--:|--:|--:|",
    ]
    return "\n".join([*rows, *map(_competition_row, _built_in(competitions=True))])


def contamination_table() -> str:
    """What is known about other ways to learn the answers of Kaggle's competitions."""
    tasks = [task for task in _built_in(competitions=True) if task.contamination]
    rows = [f"| `{task.id}` | {task.contamination} |" for task in tasks]
    return "\n".join(["| competition | what is known |", "|---|---|", *rows])


def known_issues_table() -> str:
    """What MLE-bench lists of its competitions."""
    rows = [f"| `{issue.competition}` | {issue} |" for issue in known_issues()]
    return "\n".join(["| competition | what is known |", "|---|---|", *rows])


def _competition_row(task: TaskSpec) -> str:
    link = f"[`{task.env_id}`](environments/{task.id}.md)"
    medals = task.medals
    numbers = (medals.gold, medals.median, task.reference.floor if task.reference else None)
    shown = " | ".join("" if number is None else f"{number:g}" for number in numbers)
    return f"| {link} | {asked(task)} | {metric(task)} | {task.data.download_gb:g} GB | {shown} |"


def _task_row(task: TaskSpec) -> str:
    scores = task.reference.model_dump().values() if task.reference else ("", "", "")
    shown = " | ".join(f"{score:.3f}" if score not in ("", None) else "" for score in scores)
    link = f"[`{task.env_id}`](docs/environments/{task.id}.md)"
    return f"| {link} | {asked(task)} | {metric(task)} | {shown} |"


def metrics_table() -> str:
    """Every metric, by what it predicts."""
    rows = [
        "| metric | name | better | range | predicts | parameters |",
        "|---|---|---|---|---|---|",
    ]
    for each in METRICS.values():
        better = "higher" if each.higher_is_better else "lower"
        low, high = sorted((each.worst, each.best))
        parameters = "; ".join(f"`{name}`: {p.expected}" for name, p in each.params.items())
        rows.append(
            f"| {each.title} | `{each.name}` | {better} | {_number(low)} to {_number(high)} | "
            f"{each.kind} | {parameters} |"
        )
    return "\n".join(rows)


def _number(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:g}"


def failures_table() -> str:
    """The kinds of failures."""
    rows = ["| kind | cause | retryable | meaning |", "|---|---|---|---|"]
    for name, kind in KINDS.items():
        retryable = "yes" if kind.retryable else "no"
        rows.append(f"| `{name}` | {kind.cause} | {retryable} | {kind.meaning} |")
    return "\n".join(rows)


TABLES = {
    "arguments": ("docs/environment.md", arguments_table),
    "tools": ("docs/environment.md", tools_table),
    "arguments_in_docstring": ("mle_gym/env.py", arguments_in_docstring),
    "failures": ("docs/environment.md", failures_table),
    "tasks": ("README.md", tasks_table),
    "competitions": ("docs/kaggle.md", competitions_table),
    "contamination": ("docs/kaggle.md", contamination_table),
    "known_issues": ("docs/mle-bench.md", known_issues_table),
    "metrics": ("docs/grading.md", metrics_table),
    "speed": ("README.md", speed_table),
    "benchmarks": ("docs/benchmarks.md", benchmarks_table),
    "audit_rates": ("docs/evaluation.md", audit_rates_table),
    "hand_ins": ("docs/environment.md", hand_ins_table),
    "families": ("docs/families.md", families_table),
    "learning": ("docs/training.md", learning_table),
    "soak": ("docs/benchmarks.md", soak_table),
}
"""The name in the markers, with the file and the function that makes the content."""


def updated(name: str) -> tuple[Path, str]:
    """The file with a table, and its text with the table made again."""
    file, make = TABLES[name]
    path = CHECKOUT / file
    begin, end = f"<!-- {name}:begin -->\n", f"\n<!-- {name}:end -->"
    if path.suffix == ".py":  # a docstring's table is from its heading to the next blank line
        begin, end = "    ## Arguments\n\n", "\n\n"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed) or begin in rest:
        raise ValueError(f"{path}: expected {begin!r} and {end!r} once")
    return path, f"{before}{begin}{make()}{end}{after}"


def update_tables(*, check: bool) -> list[str]:
    """Write the tables that are out of date, or only name them."""
    old = []
    for name in TABLES:
        path, text = updated(name)
        if path.read_text(encoding="utf-8") != text:
            old.append(f"{path}: the table {name!r}")
            if not check:
                path.write_text(text, encoding="utf-8")
    return old


def update_pages(*, check: bool) -> list[str]:
    """Write the pages of environments that are out of date, or only name them."""
    pages = environment_pages(prepare_data=not check)
    old = [path for path in FOLDER.glob("*.md") if path not in pages]
    for path in () if check else old:  # of a task that is no longer there
        path.unlink()
    for path, text in pages.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            old.append(path)
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    return [f"{path}: the page" for path in old]


def main() -> int:
    """Write or check every table and every page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing, and exit with 1 if a table or a page is out of date",
    )
    parts = {"tables": update_tables, "pages": update_pages}
    parser.add_argument("--only", choices=parts, help="the tables, or the environments' pages")
    arguments = parser.parse_args()
    check, chosen = arguments.check, [arguments.only] if arguments.only else list(parts)
    old = [each for part in chosen for each in parts[part](check=check)]
    for each in old:
        print(f"{each} {'is out of date' if check else 'was written'}")
    return int(check and bool(old))


if __name__ == "__main__":
    sys.exit(main())
