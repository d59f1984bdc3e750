"""Exported tasks in Harbor itself: its linter, its agents, and its separate verifier."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

import pytest

from mle_gym.integrations.harbor.export_task import HarborExport, export_harbor
from mle_gym.paths import PACKAGE
from mle_gym.sandbox.docker.image import build_from_host
from mle_gym.tasks.catalog import load_task
from tests.integrations.documented import run_section
from tests.sandbox.docker_daemon import docker_host, require  # noqa: F401

HARBOR = Path(sys.executable).with_name("harbor")
IMAGE = "mle-gym-harbor-test:latest"
SAMPLE = "#!/bin/sh\ncp /workspace/data/sample_submission.csv /workspace/submission.csv\n"
THIEF = (
    "#!/bin/sh\ncd /workspace\n"
    "ls -d /tests /opt/mle-gym/* > /logs/agent/stolen.txt 2>/dev/null\n"
    "ln -s /opt/mle-gym/dataset/private/answers.csv submission.csv\n"
)

pytestmark = pytest.mark.slow("builds two images for each task")


@pytest.fixture(scope="module", autouse=True)
def _harbor() -> None:
    if find_spec("harbor") is None:
        require("harbor", "harbor is not installed: scripts/test-integrations harbor")


def harbor(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ) | {
        "PYTHONPATH": str(PACKAGE.parent),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    command = [HARBOR, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_the_linter_finds_nothing_by_any_rule(titanic: Path) -> None:
    done = harbor("lint", "--json", "--select", "ALL", titanic)
    assert (done.returncode, json.loads(done.stdout)) == (0, []), done.stderr


def test_the_documented_example_works() -> None:
    run_section("Harbor")


@pytest.fixture(scope="module")
def trials(docker_host: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:  # noqa: F811
    """Harbor's folders of three trials: the oracle, the sample, and a link to the answers."""
    names = [re.match(r"[\w.-]+", each)[0] for each in requires("mle-gym") if ";" not in each]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLE_GYM_DOCKER_IMAGE", IMAGE)
        build_from_host(lambda line: None, ("pip", *names))
    folder = tmp_path_factory.mktemp("trials")
    task = export_harbor("titanic", folder / "tasks", export=HarborExport(image=IMAGE))
    for name, script in {"sample": SAMPLE, "thief": THIEF}.items():
        shutil.copytree(task, task.with_name(name))
        (task.with_name(name) / "solution" / "solve.sh").write_text(script)
    place = "tests.integrations.harbor.local_docker:LocalDocker"
    options = ("-a", "oracle", "-n", 1, "-e", place, "-o", folder, "--job-name", "job", "-q", "-y")
    done = harbor("run", "-p", folder / "tasks", *options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return {path.name.split("__")[0]: path for path in (folder / "job").glob("*__*")}


def reward(trial: Path) -> dict[str, float]:
    return json.loads((trial / "verifier" / "reward.json").read_text())


@pytest.mark.docker
def test_the_oracle_gets_the_solutions_score(trials: dict[str, Path]) -> None:
    # Another Python and other processors move a vote of forests by a row or two.
    expected = load_task("titanic").reference.solution
    assert reward(trials["titanic"])["score"] == pytest.approx(expected, abs=0.01)


@pytest.mark.docker
def test_the_sample_gets_the_floor(trials: dict[str, Path]) -> None:
    expected = load_task("titanic").reference.floor
    assert reward(trials["sample"])["score"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.docker
def test_an_agent_finds_no_answers_and_cannot_hand_in_a_link(trials: dict[str, Path]) -> None:
    assert (trials["thief"] / "agent" / "stolen.txt").read_text() == ""
    assert reward(trials["thief"])["valid"] == 0.0
