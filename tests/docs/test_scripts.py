"""The programs in ``scripts/`` on machines that are unlike this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mle_gym.sandbox.warm.zygote_plan import NEWEST
from tests.docs.conftest import CHECKOUT, write_program

COMMANDS = [
    CHECKOUT / "scripts" / name
    for name in (
        "setup",
        "check",
        "test",
        "docs",
        "demo",
        "pandas-versions",
        "python-versions",
        "test-integrations",
        "test-training",
    )
]
SCRIPTS = [*COMMANDS, CHECKOUT / "scripts" / "functions.sh", CHECKOUT / ".ci" / "run"]
TOOLS = ("bash", "cat", "cksum", "dirname", "env", "id", "sh")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that is the whole PATH: the tools above, and nothing else."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in TOOLS:
        (programs / tool).symlink_to(str(shutil.which(tool)))
    return programs


def source(machine: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script that uses ``scripts/functions.sh`` on that machine."""
    environment = {"PATH": str(machine), "VENV": str(machine.parent / "venv"), **variables}
    return subprocess.run(
        [str(machine / "bash"), "-c", f". {CHECKOUT}/scripts/functions.sh\n{script}"],
        env=environment,
        capture_output=True,
        text=True,
    )


def python(path: Path, *, usable: bool = True) -> None:
    """An interpreter that is good enough, or one that is not."""
    write_program(path, f'exec {sys.executable} "$@"' if usable else "exit 1")


def test_the_newest_usable_python_is_taken(machine: Path) -> None:
    python(machine / "python3.13", usable=False)
    python(machine / "python3.12")
    python(machine / "python3")
    assert source(machine, "pick_python").stdout == f"{machine}/python3.12\n"


def test_every_supported_version_is_known(machine: Path) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    said = [
        each.rpartition(" ")[2] for each in project["classifiers"] if " :: Python :: 3." in each
    ]
    assert said[0] == project["requires-python"].removeprefix(">=")
    assert tuple(map(int, said[-1].split("."))) == NEWEST
    while said:
        newest = said.pop()
        python(machine / f"python{newest}")
        assert source(machine, "pick_python").stdout == f"{machine}/python{newest}\n"
        (machine / f"python{newest}").unlink()


def test_a_later_python_is_not_taken_where_there_is_another(machine: Path) -> None:
    pretend = "import sys; sys.version_info = (3, 99, 0); exec(sys.argv[1])"
    write_program(machine / "python3", f"exec {sys.executable} -c '{pretend}' \"$2\"")
    python(machine / "python3.11")
    assert source(machine, "pick_python").stdout == f"{machine}/python3.11\n"


def test_the_python_that_is_asked_for_is_taken(machine: Path) -> None:
    python(machine / "python3.12")
    python(machine / "mine")
    assert source(machine, "pick_python", PYTHON="mine").stdout == f"{machine}/mine\n"


def test_an_unusable_python_that_is_asked_for_is_an_error(machine: Path) -> None:
    python(machine / "python3.12")
    python(machine / "mine", usable=False)
    result = source(machine, "x=$(pick_python); echo $x", PYTHON="mine")
    assert result.returncode == 3
    assert "PYTHON=mine" in result.stderr
    assert result.stdout == ""


def test_a_missing_program_is_installed_as_root(machine: Path) -> None:
    log = machine.parent / "log"
    write_program(machine / "id", "echo 0")
    write_program(machine / "apt-get", f'echo "$@" >>{log}')
    result = source(machine, "want_program no-such-bwrap bubblewrap")
    assert result.returncode == 0, result.stderr
    assert "install -y --no-install-recommends bubblewrap" in log.read_text()
    assert "Installing bubblewrap" in result.stderr


def test_sudo_is_used_by_everyone_else(machine: Path) -> None:
    log = machine.parent / "log"
    (machine / "id").unlink()
    write_program(machine / "id", "echo 1000")
    write_program(machine / "apt-get", f"echo apt >>{log}")
    write_program(machine / "sudo", f'echo sudo >>{log}; exec "$@"')
    assert source(machine, "want_program no-such-bwrap bubblewrap").returncode == 0
    assert log.read_text() == "sudo\napt\n"


def test_a_program_that_cannot_be_installed_is_named(machine: Path) -> None:
    result = source(machine, "want_program no-such-bwrap bubblewrap || echo went on")
    assert result.stdout == "went on\n"
    assert "install it yourself" in result.stderr


def test_an_environment_that_is_there_is_left_alone(
    installed: dict[str, str], tmp_path: Path
) -> None:
    write_program(tmp_path / "venv" / "bin" / "python", "exit 9")
    script = f". {CHECKOUT}/scripts/functions.sh\ninstall_project\ninstall_project dev"
    result = subprocess.run(
        ["bash", "-c", script], env=installed, capture_output=True, text=True, cwd="/"
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_a_changed_project_is_installed_again(installed: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    write_program(tmp_path / "venv" / "bin" / "python", f'echo "$@" >{log}')
    (tmp_path / "venv" / ".mle-gym-dev").write_text("an older project\n")
    script = f". {CHECKOUT}/scripts/functions.sh\ninstall_project dev"
    subprocess.run(["bash", "-c", script], env=installed, check=True)
    assert log.read_text().rstrip().endswith("--editable .[dev]")
    log.unlink()
    subprocess.run(["bash", "-c", script], env=installed, check=True)
    assert not log.exists()


def test_docker_serves_where_bubblewrap_cannot(installed: dict[str, str], tmp_path: Path) -> None:
    programs, log = tmp_path / "venv" / "bin", tmp_path / "log"
    write_program(programs / "python", 'case "$2" in *connect*) ;; *) exit 1 ;; esac')
    write_program(programs / "mle-gym", f'echo "$@" >>{log}; [ "$3" = --from-host ]')
    script = f". {CHECKOUT}/scripts/functions.sh\nwant_sandbox"
    subprocess.run(["bash", "-c", script], env=installed, check=True)
    assert log.read_text() == "image build\nimage build --from-host\n"


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ([], ["--quick"]),
        (["--all"], []),
        (["-x", "--all", "-k", "a b"], ["-x", "-k", "a b"]),
        (["tests/grading"], ["--quick", "tests/grading"]),
    ],
    ids=str,
)
def test_the_tests_are_the_quick_ones_or_all(
    installed: dict[str, str], tmp_path: Path, arguments: list[str], given: list[str]
) -> None:
    write_program(tmp_path / "venv" / "bin" / "python", "printf '%s\\n' \"$@\"")
    command = [CHECKOUT / "scripts" / "test", *arguments]
    result = subprocess.run(command, env=installed, capture_output=True, text=True, cwd="/")
    *start, workers = result.stdout.splitlines()[:4]
    assert start == ["-m", "pytest", "-n"]
    assert int(workers) > int(subprocess.check_output(["nproc"]))
    assert result.stdout.splitlines()[4:] == ["--dist", "worksteal", *given]


def test_a_python_that_no_release_brings_is_an_error_at_once(installed: dict[str, str]) -> None:
    command = [CHECKOUT / "scripts" / "python-versions", "3.13", "3.12"]
    result = subprocess.run(command, env=installed, capture_output=True, text=True, cwd="/")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.startswith("error: no release of Debian brings Python 3.12")


@pytest.mark.parametrize("script", COMMANDS, ids=lambda script: script.name)
def test_help_says_what_a_command_does_and_does_nothing(
    installed: dict[str, str], script: Path, tmp_path: Path
) -> None:
    write_program(tmp_path / "venv" / "bin" / "python", "exit 9")
    (
        tmp_path / "venv" / ".mle-gym-dev"
    ).unlink()  # so that every other requirement would cause an installation
    result = subprocess.run(
        [script, "--help"], env=installed, capture_output=True, text=True, cwd="/"
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert f"scripts/{script.name}" in result.stdout
    assert "shellcheck" not in result.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_sound(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    if script.suffix != ".sh":
        assert os.access(script, os.X_OK)
    checker = shutil.which("shellcheck")
    if checker:
        subprocess.run([checker, "-x", script], check=True, cwd=CHECKOUT)
