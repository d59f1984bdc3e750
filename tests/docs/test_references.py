"""What the documents name exists: files, modules, headings, folders and layers."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.docs.conftest import CHECKOUT, DOCUMENTS, ENVIRONMENTS

PAGES = [*DOCUMENTS, *ENVIRONMENTS, CHECKOUT / "CHANGELOG.md"]
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
WORD = re.compile(r"`([^`\n]+)`")
FOLDERS = ("agents", "benchmarks", "docker", "docs", "envs", "mle_gym", "scripts", "tests")
FILE = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*")
DOTTED = re.compile(r"(mle_gym(?:\.\w+)+)(?:\(.*\))?")
UNINSTALLED = {"stable_baselines3", "torchrl"}
"""Trainers of extras, without which the modules that need them can't be imported."""
ENTRY_POINTS = {"mle_gym.agents", "mle_gym.sandboxes", "mle_gym.tasks"}
"""Groups in other packages' metadata, of which two have the names of modules."""


def prose(file: Path) -> str:
    """A page without its blocks of code."""
    return FENCED.sub("", file.read_text(encoding="utf-8"))


def anchors(file: Path) -> set[str]:
    """The fragments that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(file), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def block(file: str, beginning: str) -> list[str]:
    """The lines of the text block with this beginning."""
    for fenced in re.findall(r"^```text\n(.*?)^```", (CHECKOUT / file).read_text(), re.M | re.S):
        if fenced.startswith(beginning):
            return str(fenced).splitlines()
    raise AssertionError(f"{file} has no block that begins with {beginning!r}")


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_links_lead_to_files_and_to_headings_in_them(file: Path) -> None:
    for link in LINK.findall(prose(file)):
        if "://" in link:
            continue
        path, _, fragment = link.partition("#")
        target = file.parent / path if path else file
        assert target.exists(), link
        if fragment and target.suffix == ".md":
            assert fragment in anchors(target), link


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_files_and_folders_that_are_named_are_there(file: Path) -> None:
    for word in WORD.findall(prose(file)):
        if FILE.fullmatch(word):
            assert (CHECKOUT / word).exists(), word


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_python_names_that_are_named_are_there(file: Path) -> None:
    for word in WORD.findall(prose(file)):
        dotted = DOTTED.fullmatch(word)
        if dotted and dotted[1] not in ENTRY_POINTS:
            assert resolves(dotted[1]), word


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_words_are_a_link_away(file: Path) -> None:
    links = {link.partition("#")[0] for link in LINK.findall(prose(file))}
    assert file.name == "glossary.md" or links & {"glossary.md", "docs/glossary.md"}


def resolves(name: str) -> bool:
    """Whether it is a module, or an attribute of one."""
    module, _, attribute = name.rpartition(".")
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if error.name in UNINSTALLED:
            return True
        return hasattr(import_module(module), attribute)
    return True


def entries(lines: list[str]) -> Iterator[Path]:
    """The paths of a tree that is drawn with two blanks per level and a description after each."""
    parents: list[str] = []
    for line in lines:
        indent = len(line) - len(line.lstrip())
        name = line.split()[0]
        parents = [*parents[: indent // 2], name.rstrip("/")]
        yield CHECKOUT.joinpath(*parents)


def test_the_map_of_the_house_has_every_folder_and_nothing_that_is_gone() -> None:
    drawn = set(entries(block("CONTRIBUTING.md", "mle_gym/\n")))
    assert [path for path in drawn if not path.exists()] == []
    package = CHECKOUT / "mle_gym"
    folders = {path.parent for path in package.rglob("__init__.py")} - {package}
    modules = {path for path in package.glob("*.py") if not path.name.startswith("__")}
    assert folders | modules <= drawn


def test_the_picture_of_the_layers_is_the_contract() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["containers"] == ["mle_gym"])
    there = [re.sub(r"\(\w+\) \| | \| \(\w+\)", "", layer) for layer in layers]
    assert [re.split(r" {2,}", line)[0] for line in block("CONTRIBUTING.md", "__main__")] == there
