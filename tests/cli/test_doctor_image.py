from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command


@pytest.fixture
def no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose Docker daemon does not run."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")


@pytest.mark.usefixtures("sandbox")
@pytest.mark.bubblewrap
@pytest.mark.slow("every check of the doctor starts sandboxes")
def test_doctor_reports_what_was_tried(command: Command) -> None:
    result = command("doctor", "bubblewrap", "--json")
    assert result.code in (0, 1)
    found = {finding["check"]: finding["status"] for finding in result.json}
    assert found["available"] == "enforced"
    assert found["answers"] == "enforced"
    assert result.code == int("not enforced" in found.values())


@pytest.mark.usefixtures("no_docker")
def test_doctor_exits_with_3_where_nothing_can_run(command: Command) -> None:
    result = command("doctor", "docker")
    assert result.code == 3
    assert "unavailable" in result.out
    assert "dockerd" in result.out


def test_an_unknown_backend_is_a_usage_error(command: Command) -> None:
    result = command("doctor", "dokcer")
    assert result.code == 2
    assert "did you mean 'docker'?" in result.err


@pytest.mark.usefixtures("no_docker")
@pytest.mark.parametrize(
    ("backend", "advice"),
    [("bubblewrap", "apt-get install bubblewrap"), ("docker", "dockerd")],
)
def test_an_episode_without_its_backend_says_what_to_do(
    command: Command, coins: Path, monkeypatch: pytest.MonkeyPatch, backend: str, advice: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    result = command("run", coins, "--agent", "solution", "--sandbox", backend, "--json")
    assert result.code == 3
    assert advice in result.err
    assert advice in result.json["error"]["message"]
    assert list(Path("runs").glob("*")) == []


@pytest.mark.usefixtures("no_docker")
@pytest.mark.parametrize("words", [[], ["--from-host"]])
def test_building_an_image_without_a_daemon_says_how_to_start_one(
    command: Command, words: list[str]
) -> None:
    result = command("image", "build", *words)
    assert result.code == 3
    assert "dockerd" in result.err
    assert result.err.count("error:") == 1


def test_a_python_version_needs_a_dockerfile(command: Command) -> None:
    assert command("image", "build", "--from-host", "--python", "3.12").code == 2
