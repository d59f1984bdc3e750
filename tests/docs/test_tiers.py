"""Which tests ``scripts/test`` runs: the quick ones, or those that are selected."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import QUICK
from tests.docs.conftest import CHECKOUT
from tests.tiers import few_quick

TEST_FILES = list((CHECKOUT / "tests").rglob("test_*.py"))

TESTS = """
import pytest

def test_plain(): pass

@pytest.mark.slow("it takes a minute")
def test_slow(): pass

@pytest.mark.docker
def test_marked(): pass

@pytest.mark.parametrize("backend", ["bubblewrap", "docker"])
def test_backends(backend): pass

@pytest.fixture
def docker_host(): pass

def test_daemon(docker_host): pass
"""
RUN_QUICKLY = {"test_plain", "test_backends[bubblewrap]"}
SLOW = {"test_slow", "test_marked", "test_backends[docker]", "test_daemon"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with this one's settings and one file of tests."""
    folder = tmp_path / "tests" / "part"
    folder.mkdir(parents=True)
    (folder / "test_x.py").write_text(TESTS)
    for name in ("pyproject.toml", "tests/conftest.py"):
        (tmp_path / name).write_bytes((CHECKOUT / name).read_bytes())
    return tmp_path


def collected(project: Path, *arguments: str) -> set[str]:
    """The names of the tests that run with these arguments."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", *arguments]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    return {line.split("::")[1].split()[0] for line in lines if " PASSED" in line}


@pytest.mark.parametrize("workers", few_quick(["0", "1"], ["0"], "workers take seconds to start"))
def test_the_quick_tests_run_where_none_is_selected(project: Path, workers: str) -> None:
    arguments = ["-p", "no:randomly", "-n", workers, "--dist=no"]
    assert collected(project, "--quick", *arguments) == RUN_QUICKLY
    assert collected(project, *arguments) == RUN_QUICKLY | SLOW


@pytest.mark.parametrize(
    "selection", [["tests/part"], ["-k", "test"], ["-m", "not bubblewrap"]], ids=" ".join
)
@pytest.mark.slow("each is a run of its own")
def test_all_that_is_selected_runs(project: Path, selection: list[str]) -> None:
    assert collected(project, "--quick", *selection) == RUN_QUICKLY | SLOW


def test_a_slow_test_without_a_reason_is_an_error(project: Path) -> None:
    file = project / "tests" / "part" / "test_x.py"
    file.write_text(TESTS.replace('slow("it takes a minute")', "slow"))
    with pytest.raises(AssertionError, match="give the reason"):
        collected(project)


def test_every_part_has_quick_tests(request: pytest.FixtureRequest) -> None:
    config = request.config
    if (
        config.args != ["tests"]
        or config.option.keyword
        or config.option.markexpr not in ("", QUICK)
    ):
        pytest.skip("says something about a run of the whole folder alone")
    quick = Counter(
        item.path.relative_to(CHECKOUT / "tests").parts[0]
        for item in request.session.items
        if not (item.get_closest_marker("slow") or item.get_closest_marker("docker"))
    )
    parts = {file.relative_to(CHECKOUT / "tests").parts[0] for file in TEST_FILES}
    assert not {part for part in parts if quick[part] < 2}
