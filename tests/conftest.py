"""What all tests share: the quick tier, one dataset cache for a run, no files of the user's."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from mle_gym.env import MLEEnv

# pytest tests/grading --hypothesis-profile=long
settings.register_profile("long", max_examples=3000)
settings.register_profile("quick", max_examples=25)

QUICK = "not slow and not docker"
KNOWN_TABLES = "MLE_GYM_TEST_TABLES"
"""Names a folder in which another run has written down the tables of the installed packages."""

# Importing mle_gym registers tasks. Those that the user has imported must not be among them.
os.environ["MLE_GYM_TASKS"] = os.devnull

# A script's background job ignores Ctrl-C, and so would every process that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick",
        action="store_true",
        help="leave out the tests marked slow or docker, unless paths, -k, -m or --lf select some",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Named tests always run. The workers of a run get the controller's expression."""
    chosen = config.option.markexpr or config.option.keyword or config.getoption("lf", False)
    named = config.args_source is pytest.Config.ArgsSource.ARGS
    if config.option.quick and not chosen and not named:
        config.option.markexpr = QUICK
    if _is_quick(config) and config.getoption("--hypothesis-profile") is None:
        settings.load_profile("quick")  # before the modules whose decorators ask for it


def _is_quick(config: pytest.Config) -> bool:
    return bool(config.option.quick and config.option.markexpr == QUICK)


def pytest_report_header(config: pytest.Config) -> str | None:
    if _is_quick(config):
        return "quick tests only; scripts/test --all runs every test"
    return None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests with the docker backend, and require a reason from each slow test."""
    call = getattr(item, "callspec", None)
    backends = [each for each in call.params.values() if isinstance(each, str)] if call else []
    if "docker" in backends or "docker_host" in getattr(item, "fixturenames", ()):
        item.add_marker("docker")
    for mark in item.iter_markers("slow"):
        if len(mark.args) != 1 or not isinstance(mark.args[0], str):
            raise pytest.UsageError(f"{item.nodeid}: give the reason, @pytest.mark.slow('why')")


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Datasets are prepared once for all workers of a run, away from the user's own cache."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "mle-gym-cache"
    os.environ["MLE_GYM_CACHE"] = str(folder)
    if KNOWN_TABLES in os.environ:
        folder.mkdir(mode=0o700)
        (folder / "tables").symlink_to(os.environ[KNOWN_TABLES])
    return folder


@pytest.fixture
def make() -> Iterator[Callable[..., MLEEnv]]:
    """Makes environments, by default of Titanic, and closes them after the test."""
    from mle_gym.env import MLEEnv  # after the variables above are set

    made: list[MLEEnv] = []

    def make_one(task: str = "titanic", **arguments: Any) -> MLEEnv:
        made.append(MLEEnv(task, **arguments))
        return made[-1]

    yield make_one
    for env in made:
        env.close()
