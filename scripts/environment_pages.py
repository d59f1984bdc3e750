"""Makes a page for each environment from its folder, and the gallery that lists them.

The sections are those of Gymnasium's documentation, in its order.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from environment_pictures import picture_of
from reference_scores import reference_scores
from sample_rows import data_section

from mle_gym.integrations.mle_bench.known_issues import issues_of
from mle_gym.metrics import METRICS
from mle_gym.paths import bundled
from mle_gym.tasks.catalog import load_task
from mle_gym.tasks.spec import TaskSpec
from mle_gym.tasks.submission_schema import Column
from mle_gym.tasks.suites import HELD_OUT_FAMILIES, SUITES

__all__ = ["FOLDER", "asked", "built_in", "environment_pages", "metric"]

CHECKOUT = Path(__file__).resolve().parent.parent
FOLDER = CHECKOUT / "docs" / "environments"
SOURCES = {
    "package": "Real data at real size",
    "generate": "Families of generated tasks",
    "sklearn": "Famous tables",
    "openml": "Famous tables",
    "files": "Other tables",
    "kaggle": "Competitions",
}
"""The gallery's parts, by where the data come from."""
ELSEWHERE = ("Evaluation", "Data source")
"""Sections of a description that a page has in other places."""
WRITTEN_BY = (
    "generate.py", "prepare.py", "grade.py", "baseline.py", "solution.py", "programs.toml",
    "task.toml", "description.md",
)  # fmt: skip


def environment_pages(*, prepare_data: bool) -> dict[Path, str]:
    """Every page by its path.

    Args:
        prepare_data: Prepare the data of tasks whose page shows those of an earlier task.
    """
    tasks = built_in()
    pages = {FOLDER / "README.md": _gallery(tasks)}
    for task in tasks:
        path = FOLDER / f"{task.id}.md"
        old = path.read_text(encoding="utf-8") if path.is_file() else ""
        pages[path] = _page(task, data_section(task, old, prepare_data=prepare_data))
    return pages


def built_in() -> list[TaskSpec]:
    """The built-in tasks, by their folder's names."""
    folders = sorted(path.parent for path in bundled("envs").glob("*/task.toml"))
    return [load_task(folder) for folder in folders]


def asked(task: TaskSpec) -> str:
    """What a task asks for: the first paragraph of its description."""
    return " ".join(task.description.split("\n\n")[0].split())


def metric(task: TaskSpec) -> str:
    """The metric's title, with an arrow to where it is better."""
    arrow = "↑" if task.grade.higher_is_better else "↓"
    known = METRICS.get(task.grade.metric)
    return f"{known.title if known else task.grade.metric} {arrow}"


def _page(task: TaskSpec, data: str) -> str:
    parts = _parts(task.description)
    own = "\n\n".join(_section(3, name, text) for name, text in parts.items() if name)
    sections = {
        "Description": f"{parts['']}\n\n{own}".strip(),
        "Data": "\n\n".join(filter(None, (data, picture_of(task.id)))),
        "Action space": _actions(task),
        "Observation space": OBSERVATIONS,
        "Rewards": _rewards(task),
        "Starting state": _starting_state(task),
        "Episode end": _episode_end(task),
        "Reference scores": reference_scores(task),
        "How it was made": _files(task),
        "Licence and contamination": _licence(task),
        "Version history": _history(task),
    }
    body = "\n\n".join(_section(2, name, text) for name, text in sections.items())
    return f"<!-- Written by scripts/docs. -->\n# {task.title}\n\n{_head(task)}\n\n{body}\n"


def _section(level: int, name: str, text: str) -> str:
    return f"{'#' * level} {name}\n\n{text}"


def _parts(description: str) -> dict[str, str]:
    """The sections of a description, by heading; what stands before the first has none."""
    first, *others = re.split(r"^## (.+)\n", description, flags=re.MULTILINE)
    named = dict(zip(others[::2], others[1::2], strict=True))
    shown = {name: text.strip() for name, text in named.items() if name not in ELSEWHERE}
    return {"": first.strip(), **shown}


def _part(task: TaskSpec, name: str) -> str:
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", task.description, re.M | re.S)
    return found[1].strip() if found else ""


def _head(task: TaskSpec) -> str:
    suites = ", ".join(f"`{name}`" for name, suite in SUITES.items() if suite.includes(task))
    rows = {
        "environment": f'`gymnasium.make("{task.env_id}")`',
        "kind": task.kind,
        "tags": ", ".join(task.tags),
        "metric": metric(task),
        "suites": suites,
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items() if value]
    return "\n".join(["| | |", "|---|---|", *lines])


OBSERVATIONS = (
    "A dictionary with `output` (text: at the start the brief, then what the action printed), "
    "`exit_code`, `steps_left` and `seconds_left`. See "
    "[observations](../environment.md#observations)."
)


def _actions(task: TaskSpec) -> str:
    submission, code = task.submission, task.submission.code
    text = "A shell command or a tool call. See [actions](../environment.md#actions).\n\n"
    if code is not None:
        text += f"`submit` hands in a program, `{submission.filename}`, which is run to be graded."
    elif submission.files:
        names = ", ".join(f"`{name}`" for name in submission.files)
        text += f"`submit` hands in the folder `{submission.filename}` with {names}."
    else:
        text += f"`submit` hands in `{submission.filename}`."
    if not submission.columns:
        return text
    rows = [f"| `{name}` | {_rule(column)} |" for name, column in submission.columns.items()]
    verb = "It writes" if code is not None else "It has"
    return "\n".join(
        [f"{text} {verb} these columns:", "", "| column | values |", "|---|---|", *rows]
    )


def _rule(column: Column) -> str:
    """What a column may hold."""
    if column.values is not None:
        shown = [f"`{value}`" for value in column.values[:12]]
        return ", ".join([*shown, "…"] if len(column.values) > 12 else shown)
    bounds = [f"at least {column.min:g}"] if column.min is not None else []
    bounds += [f"at most {column.max:g}"] if column.max is not None else []
    return ", ".join([column.type, *bounds])


def _rewards(task: TaskSpec) -> str:
    grade = task.grade
    told = _part(task, "Evaluation")
    if grade.scale == "anchors":
        ends = "the dataset's floor to 0 and its ceiling to 1"
    else:
        ends = f"{grade.worst:g} to 0 and {grade.best:g} to 1"
    feedback = f"`score` gives the score of a fixed {grade.public_fraction:.0%} of the test rows"
    lines = [
        told,
        f"The reward is paid when the episode ends. `score`, the default, maps {ends}; `anchored` "
        "maps what knowing nothing scores to 0, and the best that can be had to 1. See "
        "[rewards](../environment.md#rewards) and [anchors](../grading.md#floor-and-ceiling).",
    ]
    if task.hook("grade") is None and grade.public_fraction:
        lines.append(f"{feedback}, where the environment allows it; the result counts the others.")
    return "\n\n".join(line for line in lines if line)


def _starting_state(task: TaskSpec) -> str:
    text = "A workspace with the files above in `data/`, and the brief as the first observation. "
    if task.data.real:
        text += "Variant 0 is the canonical split."
        if task.data.test_size is not None or _resplits(task):
            text += " Other variants split its training rows again."
    else:
        text += (
            "Variant 0 is the canonical instance; every other variant is fresh data, in the sizes "
            "`micro`, `small` and `full`, with a difficulty from 0 to 1."
        )
    return f"{text} See [variants](../environment.md#variants)."


def _resplits(task: TaskSpec) -> bool:
    path = task.hook("prepare")
    return path is not None and "resplit" in path.read_text(encoding="utf-8")


def _episode_end(task: TaskSpec) -> str:
    limits = task.limits
    return (
        f"With `submit`, or after {limits.steps} steps or {limits.seconds:g} seconds: then what "
        "lies at the submission's path is graded. "
        f"Processors: {limits.cpus:g}; memory: {limits.memory_mb:,} MB; disk: "
        f"{limits.disk_mb:,} MB. See "
        "[the end of an episode](../environment.md#the-end-of-an-episode)."
    )


# --------------------------------------------------------------------------------- where it is from


def _files(task: TaskSpec) -> str:
    there = [name for name in WRITTEN_BY if (task.folder / name).is_file()]
    rows = [
        f"| [`{name}`](../../envs/{task.folder.name}/{name}) | {_told(task.folder / name)} |"
        for name in there
    ]
    return "\n".join(["| file | what it does |", "|---|---|", *rows])


def _told(path: Path) -> str:
    """What a file of a task is for: its docstring's first paragraph, if it is a program."""
    text = {
        "task.toml": "data, split, submission, metric and limits",
        "description.md": "what the agent is told",
        "programs.toml": "programs that the family is judged by",
    }.get(path.name)
    if text is None:
        told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        text = " ".join(told.split("\n\n")[0].split())
    return text.replace("|", "\\|").replace("``", "`")


def _licence(task: TaskSpec) -> str:
    source = _part(task, "Data source")
    known = task.contamination
    if not known and not task.data.real:
        known = "Data are generated for each variant, so nobody can know the answers to fresh ones."
    elif not known:
        known = (
            "The table is public, so a model may have seen its answers. Variants and "
            "`obfuscate=True` make it harder to use them."
        )
    issues = [f"MLE-bench lists a known issue: {issue}" for issue in issues_of(task)]
    return "\n\n".join(part for part in (source, known, *issues) if part)


def _history(task: TaskSpec) -> str:
    """Each version, with the entry in the changes that names it."""
    changes = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    entries = re.findall(r"^- (.+?)(?=^- |^$|\Z)", changes, re.MULTILINE | re.DOTALL)
    rows = []
    for version in range(task.version, 0, -1):
        named = [entry for entry in entries if f"`mle/{task.id}-v{version}`" in entry]
        rows.append(f"| v{version} | {' '.join(' '.join(named).split())} |")
    return "\n".join(["| version | what changed |", "|---|---|", *rows, "| v0 | first version |"])


# ------------------------------------------------------------------------------------- the gallery


def _gallery(tasks: list[TaskSpec]) -> str:
    lines = [
        "<!-- Written by scripts/docs. -->",
        "# Environments",
        "",
        "These tasks come with mle-gym. [Tasks](../tasks.md) says how to add one, and the "
        "[glossary](../glossary.md) what the words mean.",
    ]
    for part in dict.fromkeys(SOURCES.values()):
        chosen = [task for task in tasks if SOURCES[task.data.loader] == part]
        if chosen:
            lines += ["", f"## {part}", "", *_list(chosen)]
    return "\n".join([*lines, ""])


def _list(tasks: list[TaskSpec]) -> list[str]:
    lines = ["| environment | kind | metric | sample | baseline | solution |"]
    lines.append("|---|---|---|--:|--:|--:|")
    for task in sorted(tasks, key=lambda task: (task.kind, task.id)):
        known = task.reference.model_dump().values() if task.reference else ("", "", "")
        scores = " | ".join(f"{each:.3f}" if isinstance(each, float) else "" for each in known)
        held_out = " (held out)" if task.id in HELD_OUT_FAMILIES else ""
        link = f"[{task.title}]({task.id}.md){held_out}"
        lines.append(f"| {link} | {task.kind} | {metric(task)} | {scores} |")
    return lines
