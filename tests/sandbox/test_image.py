"""The image: its name, and both ways to make it, against a real daemon."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from mle_gym.errors import SandboxUnavailable
from mle_gym.paths import bundled
from mle_gym.sandbox import Limits, SandboxConfig
from mle_gym.sandbox.docker import host_image, image
from mle_gym.sandbox.docker.backend import DockerBackend
from mle_gym.sandbox.docker.daemon import connect
from mle_gym.sandbox.installation import packages


def inside(command: str) -> str:
    with DockerBackend().create(SandboxConfig(limits=Limits(memory_mb=1000))) as sandbox:
        execution = sandbox.execute(command, timeout=60)
    assert execution.exit_code == 0, execution.output.decode()
    return execution.output.decode().strip()


# ------------------------------------------------------------------------------------------- name


def test_the_name_follows_the_package_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLE_GYM_DOCKER_IMAGE", raising=False)
    assert image.image_name() == f"mle-gym:{version('mle-gym')}"
    monkeypatch.setenv("MLE_GYM_DOCKER_IMAGE", "registry:5000/team/agents:2")
    assert image.image_name() == "registry:5000/team/agents:2"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("mle-gym:0.1", ("mle-gym", "0.1")),
        ("mle-gym", ("mle-gym", "latest")),
        ("registry:5000/team/agents", ("registry:5000/team/agents", "latest")),
        ("registry:5000/agents:2", ("registry:5000/agents", "2")),
    ],
)
def test_a_registrys_port_is_no_tag(name: str, parts: tuple[str, str]) -> None:
    assert image._split(name) == parts


# -------------------------------------------------------------------------------------- from host


@pytest.mark.docker
def test_the_hosts_image_has_the_hosts_packages(docker_host: str) -> None:
    names = ("numpy", "pandas", "sklearn", "scipy", "joblib")
    program = f"import json; print(json.dumps({{n: __import__(n).__version__ for n in {names}}}))"
    found = json.loads(inside(f'python -c "{program}"'))
    assert found == {name: version({"sklearn": "scikit-learn"}.get(name, name)) for name in names}


@pytest.mark.docker
def test_the_hosts_image_trains_a_model_on_two_processes(docker_host: str) -> None:
    program = (
        "import sklearn.datasets as d, sklearn.ensemble as e, ssl, sqlite3, bz2, lzma\n"
        "table = d.load_iris(return_X_y=True)\n"
        "print(e.RandomForestClassifier(8, n_jobs=2, random_state=0).fit(*table).score(*table))\n"
    )
    assert float(inside(f"cat > t.py <<'END'\n{program}END\npython t.py")) > 0.9


@pytest.mark.docker
def test_the_hosts_image_has_no_trace_of_mle_gym_or_tools(docker_host: str) -> None:
    found = inside(
        "find / -xdev \\( -iname 'mle[-_]gym*' -o -name '_mle_gym*' -o -name '*mle_gym*.pth' -o "
        "-name pytest -o -name answers.csv \\) -not -path '/proc/*' 2>/dev/null; echo; ls -A /root"
        " /home 2>/dev/null | grep -v pyenv | grep -c ssh; true"
    )
    lines = [line for line in found.splitlines() if line and line != "0"]
    assert set(lines) <= {"/opt/mle-gym", "/run/mle-gym"}


@pytest.mark.docker
def test_the_usual_programs_run(docker_host: str) -> None:
    command = (
        "printf 'b 2\\na 1\\n' | sort | awk '{print $2}' | sed s/1/one/ | tr '\\n' ' '; whoami"
    )
    assert inside(command) == "one 2 agent"
    assert inside("ps -e | wc -l; tar --version | head -1; find . -maxdepth 0").endswith(".")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# comment\nnumpy>=1\n\nabsent-package\n")
    monkeypatch.setattr(packages, "bundled", lambda name: tmp_path)
    with pytest.raises(SandboxUnavailable, match="pandas is not installed"):
        host_image._add_packages(host_image._Root())


def test_packages_come_with_what_they_require_and_their_bytecode() -> None:
    root = host_image._Root()
    host_image._add_packages(root)
    assert f"{host_image._SITE}/joblib/__init__.py" in root.files
    assert f"{host_image._SITE}/threadpoolctl.py" in root.files
    assert any(
        name.startswith(f"{host_image._SITE}/__pycache__/threadpoolctl") for name in root.files
    )
    assert not [name for name in root.files if "mle_gym" in name or ".." in name]


# --------------------------------------------------------------------------------- from Dockerfile


@pytest.fixture
def recipe(docker_host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder like ``docker/`` whose Dockerfile needs no registry."""
    name = f"mle-gym-test-recipe:{os.getpid()}"
    base = os.environ["MLE_GYM_DOCKER_IMAGE"]
    monkeypatch.setattr(image, "bundled", lambda folder: tmp_path)
    monkeypatch.setenv("MLE_GYM_DOCKER_IMAGE", name)
    file = tmp_path / "Dockerfile"
    file.write_text(
        f"ARG PYTHON_VERSION\nFROM {base}\nARG PYTHON_VERSION\nLABEL v=$PYTHON_VERSION\n"
    )
    yield file
    # What a failed build leaves in the daemon's cache would keep the base from being replaced.
    connect().images.prune(filters={"dangling": True, "label": "v"})


@pytest.mark.docker
def test_a_build_reports_its_steps_and_replaces_the_image(recipe: Path) -> None:
    reported: list[str] = []
    client = connect()
    try:
        name = image.build_from_dockerfile(reported.append, python="3.99")
        first = client.images.get(name)
        assert first.labels["v"] == "3.99"
        assert any(line.startswith("Step 1/") for line in reported)
        image.build_from_dockerfile(reported.append)
        assert client.images.get(name).id != first.id
        assert first.id not in {found.id for found in client.images.list(all=True)}
    finally:
        client.images.remove(image.image_name(), force=True)


@pytest.mark.docker
def test_a_failed_build_names_the_step_and_the_way_out(recipe: Path) -> None:
    recipe.write_text(recipe.read_text() + "COPY absent.txt /\n")
    with pytest.raises(SandboxUnavailable) as caught:
        image.build_from_dockerfile(lambda line: None)
    assert "COPY absent.txt" in str(caught.value)
    assert "--from-host" in str(caught.value)


@pytest.mark.docker
def test_a_dockerfile_that_can_not_be_read_is_an_error_too(recipe: Path) -> None:
    recipe.write_text("FORM typo\n")
    with pytest.raises(SandboxUnavailable, match="FORM"):
        image.build_from_dockerfile(lambda line: None)


def test_the_projects_dockerfile_copies_only_what_is_there() -> None:
    folder = bundled("docker")
    lines = (folder / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY ")]
    assert copied == ["requirements.txt"]
    assert (folder / "requirements.txt").is_file()
