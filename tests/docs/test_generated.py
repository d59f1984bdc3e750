"""What the documents say about the code is what the code says."""

from __future__ import annotations

import dataclasses
import inspect
import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from mle_gym import MLEEnv
from mle_gym.cli.app import app
from mle_gym.cli.console import ExitCode
from mle_gym.episode.actions.tools import TOOLS
from mle_gym.episode.rewards import REWARDS
from mle_gym.grading.grade import Grade
from mle_gym.sandbox.backends import BACKENDS
from mle_gym.tasks.spec import DataSpec, GradeSpec, LimitSpec, MedalSpec, ReferenceSpec
from mle_gym.tasks.submission_schema import SubmissionSpec
from tests.docs.conftest import CHECKOUT, DOCUMENTS

VARIABLE = re.compile(r"\bMLE_GYM_[A-Z_]+\b")
LINK = re.compile(r"\]\(([^)#]+?)(?:#[^)]*)?\)")


def words(name: str) -> set[str]:
    """What is in backticks in a document's text and tables."""
    text = (CHECKOUT / "docs" / name).read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", prose))


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    for link in LINK.findall(file.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (file.parent / link).exists(), link


@pytest.mark.parametrize(
    "table", [DataSpec, SubmissionSpec, GradeSpec, MedalSpec, LimitSpec, ReferenceSpec]
)
def test_every_field_of_task_toml_is_documented(table: type[DataSpec]) -> None:
    internal = {"kind", "id"} if table is SubmissionSpec else set()
    assert table.model_fields.keys() - internal <= words("tasks.md")


def test_every_tool_reward_backend_and_grade_field_is_documented() -> None:
    assert TOOLS.keys() <= words("environment.md")
    assert {f'"{name}"' for name in REWARDS} <= words("environment.md")
    assert BACKENDS.keys() <= words("sandbox.md")
    described = {"task", "variant", "metric", "higher_is_better"}
    fields = {field.name for field in dataclasses.fields(Grade)} - described
    assert fields <= words("grading.md")


def test_every_environment_variable_is_in_the_one_table_of_them() -> None:
    folders = (CHECKOUT / "mle_gym", CHECKOUT / "agents")
    sources = [*(file for folder in folders for file in folder.rglob("*.py"))]
    scripts = (file for file in (CHECKOUT / "scripts").rglob("*") if file.is_file())
    sources += (file for file in scripts if file.suffix in ("", ".py", ".sh"))
    read = {name for file in sources for name in VARIABLE.findall(file.read_text(encoding="utf-8"))}
    assert len(read) >= 10
    assert read == {word for word in words("cli.md") if VARIABLE.fullmatch(word)}


def test_every_command_and_every_extra_is_documented() -> None:
    commands = {word.split()[0] for cell in words("cli.md") for word in cell.split(", ") if word}
    assert get_command(app).commands.keys() <= commands  # type: ignore[attr-defined]
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["optional-dependencies"].keys() <= words("cli.md")


def test_every_argument_of_the_environment_is_documented() -> None:
    arguments = inspect.signature(MLEEnv).parameters.keys()
    assert arguments <= {word.removesuffix("=") for word in words("environment.md")}


def test_every_exit_code_is_documented() -> None:
    text = (CHECKOUT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.M)} == set(ExitCode)
