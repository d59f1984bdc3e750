"""The page of each environment says what its folder says, and shows few rows of its data."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from mle_gym.paths import bundled
from mle_gym.tasks.catalog import load_task
from tests.docs.conftest import CHECKOUT

PAGES = CHECKOUT / "docs" / "environments"
SECTIONS = [
    "Description",
    "Data",
    "Action space",
    "Observation space",
    "Rewards",
    "Starting state",
    "Episode end",
    "Reference scores",
    "How it was made",
    "Licence and contamination",
    "Version history",
]
NAMES = sorted(path.stem for path in PAGES.glob("*.md") if path.stem != "README")


def test_pages_are_current() -> None:
    script = CHECKOUT / "scripts" / "update_docs.py"
    command = [sys.executable, script, "--check", "--only", "pages"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"run scripts/docs: {result.stdout}{result.stderr}"


def test_every_environment_has_a_page_that_the_gallery_lists() -> None:
    gallery = (PAGES / "README.md").read_text(encoding="utf-8")
    assert {path.parent.name for path in bundled("envs").glob("*/task.toml")} == set(NAMES)
    assert set(re.findall(r"\]\(([\w-]+)\.md\)", gallery)) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_the_sections_in_their_order_and_few_rows(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == SECTIONS
    data = page.partition("\n## Data\n")[2].partition("\n## Action space\n")[0]
    shown = data.partition("begins:")[2].partition("<!-- /data -->")[0].strip().splitlines()
    assert len(shown) <= 2 + 3  # the head and three rows
    if load_task(name).data.loader == "kaggle":
        assert not shown
    for picture in re.findall(r"!\[.+\]\((.+)\)", data):
        assert (PAGES / picture).is_file()
