"""Gathers the pages of the documentation's site in a folder, for Sphinx to read.

The folder mirrors the repository: its documents, the other files that they link to, so that every
link works without a network, and the reference, which Sphinx fills from docstrings.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import mle_gym

__all__ = ["gather"]

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")
"""Beside ``docs/``."""
REFERENCE = {
    "Environments": ["make", "make_vec", "MLEEnv", "sample_task", "Curriculum"],
    "Vector environments": ["mle_gym.vector"],
    "Wrappers": ["mle_gym.wrappers"],
    "Agents and trajectories": [
        "load_agent",
        "rollout",
        "Trajectory",
        "replay",
        "verify_trajectory",
        "audit_trajectory",
    ],
    "Language models": ["tool_schemas", "parse_tool_call", "export_trajectories", "health"],
    "Tasks and grading": ["load_task", "register_tasks", "prepare", "grade", "Grade"],
    "Evaluation": ["mle_gym.evaluation"],
    "Errors": ["mle_gym.errors"],
}
"""Page to what it documents: names that the package exports, or whole modules."""
NAVIGATION = {
    "Tutorials": [
        "docs/training",
        "docs/language-models",
        "docs/evaluate-a-model",
        "docs/evaluation",
        "docs/agents",
        "docs/tasks",
    ],
    "Environments": ["docs/environments/README", "docs/families", "docs/kaggle"],
    "Guide": [
        "docs/environment",
        "docs/grading",
        "docs/sandbox",
        "docs/cli",
        "docs/integrations",
        "docs/coming-from-mle-bench",
        "docs/mle-bench",
        "docs/comparison",
        "docs/troubleshooting",
        "docs/glossary",
    ],
    "Reference": [],
    "About": [
        "docs/architecture",
        "docs/decisions",
        "docs/benchmarks",
        "SECURITY",
        "CONTRIBUTING",
        "CHANGELOG",
    ],
}
"""Heading to pages. Sphinx names each page that is missing here."""

_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()([^)\s#]+)")


def gather(folder: Path) -> None:
    """Write all pages into a new folder.

    Raises:
        ValueError: The reference documents some exported name nowhere.
    """
    shutil.copytree(ROOT / "docs", folder / "docs")
    for name in DOCUMENTS:
        shutil.copy(ROOT / name, folder)
    for page in sorted(folder.rglob("*.md")):
        for path in _linked_files(page, folder):
            copy = folder / _as_text(path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, copy)
        page.write_text(_with_links(page, folder))
    gallery = sorted(f"docs/environments/{page.stem}" for page in _environments(folder))
    _append(folder / "docs/environments/README.md", _contents("", gallery))
    navigation = NAVIGATION | {"Reference": list(_write_reference(folder))}
    contents = "".join(_contents(title, pages) for title, pages in navigation.items())
    _append(folder / "README.md", contents)
    (folder / "README.md").rename(folder / "index.md")


def _linked_files(page: Path, folder: Path) -> set[str]:
    """Files of the repository that aren't in the folder yet, by their paths."""
    found = set()
    for target in _LINK.findall(_FENCE.sub("", page.read_text())):
        path = posixpath.normpath(posixpath.join(page.parent.relative_to(folder), target))
        if not (folder / path).exists() and (ROOT / path).is_file():
            found.add(path)
    return found


def _append(page: Path, text: str) -> None:
    page.write_text(page.read_text() + text)


def _as_text(path: str) -> str:
    """The name of a file's copy, which must not become a page."""
    return f"{path}.txt" if path.endswith(".md") else path


def _with_links(page: Path, folder: Path) -> str:
    """The text of a page. The README is the site's first page, whose name is another."""
    here = page.parent.relative_to(folder)

    def relink(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(here, link[1]))
        if path == "README.md":
            return posixpath.relpath("index.md", here)
        return _as_text(link[1]) if (folder / _as_text(path)).is_file() else link[1]

    text, done, position = page.read_text(), [], 0
    for fence in _FENCE.finditer(text):
        done += [_LINK.sub(relink, text[position : fence.start()]), fence[0]]
        position = fence.end()
    return "".join([*done, _LINK.sub(relink, text[position:])])


def _environments(folder: Path) -> Iterator[Path]:
    pages = (folder / "docs/environments").glob("*.md")
    return (page for page in pages if page.name != "README.md")


def _write_reference(folder: Path) -> Iterator[str]:
    """Write the pages of the reference, and give their names."""
    documented = {"__version__", "errors", *chain.from_iterable(REFERENCE.values())}
    if missing := set(mle_gym.__all__) - documented:
        raise ValueError(f"no page of the reference documents {', '.join(sorted(missing))}")
    (folder / "reference").mkdir()
    for title, names in REFERENCE.items():
        page = f"reference/{title.lower().replace(' ', '-')}"
        blocks = "\n\n".join(map(_directive, names))
        (folder / f"{page}.md").write_text(f"# {title}\n\n```{{eval-rst}}\n{blocks}\n```\n")
        yield page


def _directive(name: str) -> str:
    if "." in name:
        return f".. automodule:: {name}\n   :members:\n   :imported-members:"
    kind = "class" if isinstance(getattr(mle_gym, name), type) else "function"
    members = "\n   :members:" if kind == "class" else ""
    return f".. auto{kind}:: mle_gym.{name}{members}"


def _contents(caption: str, pages: list[str]) -> str:
    """A table of contents that only the navigation shows."""
    heading = f":caption: {caption}\n" if caption else ""
    lines = "\n".join(f"/{page}" for page in pages)
    return f"\n```{{toctree}}\n{heading}:hidden:\n\n{lines}\n```\n"
