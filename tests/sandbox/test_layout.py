"""A sandbox shows Python at a path that reveals nothing about the host's folders."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mle_gym.paths import PACKAGE, cache_folder
from mle_gym.sandbox import Sandbox, SandboxConfig
from mle_gym.sandbox.bubblewrap.launcher_client import current_launcher
from mle_gym.sandbox.installation.python_installation import PythonInstallation, describe_python
from mle_gym.sandbox.installation.python_layout import Layout, layout_of
from tests.sandbox.conftest import eventually, start
from tests.sandbox.installation import Installation

USR = Path("/usr")
HOST = [
    str(path)
    for path in (Path(sys.prefix), Path(sys.base_prefix), PACKAGE.parent, cache_folder())
    if path != USR and USR not in path.parents
]
WARM = "python -c 'import sys; sys.exit(\"multiprocessing\" not in sys.modules)'"
LOOK = """
import email, gc, json, os, site, ssl, sys, sysconfig, types
import joblib, numpy, pandas, sklearn.linear_model
print(sys.executable, sys._base_executable, sys.prefix, sys.exec_prefix, sys.base_prefix)
print(sys.path, site.PREFIXES, sorted(sys.path_importer_cache), sys.orig_argv, dict(os.environ))
print(sysconfig.get_config_vars(), sysconfig.get_paths())
for module in list(sys.modules.values()):
    names = ("__file__", "__cached__", "__path__", "__spec__")
    print([str(getattr(module, name, None)) for name in names])
    print(getattr(getattr(module, "__loader__", None), "path", None))
for function in gc.get_objects():
    if isinstance(function, types.FunctionType):
        print(function.__code__.co_filename)
numpy.show_config()
print(joblib.Memory("cache"), json.__doc__ and "done")
"""
SOURCES = {
    "a library raises": "python -c 'import pandas; pandas.DataFrame({1: [2]})[3]'",
    "a script raises": "echo 'import json; json.loads(\"{\")' > fails.py; python fails.py",
    "an extension raises": "python -c 'import numpy; numpy.linalg.inv(numpy.zeros((2, 2)))'",
    "a warning": "python -W always -c 'import pandas, warnings; warnings.warn(\"w\")'",
    "no module": "python -c 'import absent'; python -m absent",
    "what it knows": "cat > look.py && python look.py",
    "the real one": "python -E -v -c 'import sys; print(sys.flags)'",
    "site": "python -m site; python -m sysconfig",
    "help": "python -c 'import pandas; help(pandas.Series)' | tail -5",
    "processes": "cat /proc/*/maps /proc/*/cmdline /proc/*/environ; readlink /proc/*/exe",
    "libraries": "ldd $(command -v python3.11 || command -v python) $(which -a python)",
    "the system": "cat /proc/self/mounts; mount; df -a; env; ls -l / /opt /opt/*; which -a python",
    "bin": "grep -rIh . $(dirname $(python -c 'import sys; print(sys.executable)')); true",
    "a bare name": 'python -c \'import os; os.execvp("python", ["python", "-m", "site"])\'',
}


@pytest.fixture(scope="module", params=["warm", "cold"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with start("bubblewrap", SandboxConfig(warm=request.param == "warm")) as sandbox:
        if request.param == "warm":
            assert eventually(lambda: sandbox.execute(WARM, timeout=30).exit_code == 0)
        yield sandbox


@pytest.mark.bubblewrap
@pytest.mark.skipif(not HOST, reason="all of it lies below /usr")
@pytest.mark.parametrize("source", SOURCES)
def test_nothing_names_the_hosts_folders(sandbox: Sandbox, source: str) -> None:
    command = SOURCES[source]
    if "look.py" in command:
        sandbox.write_file("look.py", LOOK.encode())
        command = "python look.py"
    command = f"{{ {command}; }} > output 2>&1"
    sandbox.execute(command, timeout=60)
    names = " ".join(f"-e '{name}'" for name in HOST)
    found = sandbox.execute(f"grep -aF {names} output | cut -c -300", timeout=30)
    assert found.output == b""
    assert sandbox.execute("test -s output", timeout=30).exit_code == 0
    if source == "libraries":
        assert sandbox.execute("grep 'not found' output", timeout=30).output == b""


@pytest.mark.bubblewrap
def test_a_bare_name_is_the_same_interpreter(sandbox: Sandbox) -> None:
    program = 'import os, sys; os.execv(sys.executable, ["python", "-c", "import pandas"])'
    execution = sandbox.execute(f"python -c '{program}'", timeout=60)
    assert (execution.exit_code, execution.output) == (0, b"")


@pytest.mark.bubblewrap
def test_programs_of_a_virtual_environment_find_it(tmp_path: Path) -> None:
    made = Installation(tmp_path / "host")
    made.install("joblib", {"joblib.py": "def main(): print('at work')"})
    program = made.python.with_name("joblib-tool")
    program.write_text(f"#!{made.python}\nimport joblib\njoblib.main()\n")
    program.chmod(0o755)
    with start("bubblewrap", SandboxConfig(python=made.python, warm=False)) as sandbox:
        execution = sandbox.execute("joblib-tool; which joblib-tool", timeout=30)
    assert execution.output == b"at work\n/opt/python/bin/joblib-tool\n"


@pytest.mark.bubblewrap
@pytest.mark.parametrize("warm", [True, False])
def test_an_interpreter_of_the_system_stays_where_it_is(warm: bool) -> None:
    python = USR / "bin" / "python3"
    ask = [str(python), "-c", "import sys; print(sys.prefix, sys.version_info[:2] >= (3, 9))"]
    if not python.exists() or subprocess.check_output(ask) != b"/usr True\n":
        pytest.skip("the system has none")
    config = SandboxConfig(python=python, warm=warm, preload=("colorsys",))
    with start("bubblewrap", config) as sandbox:
        show = "python3 -c 'import sys, json; print(sys.prefix, json.__file__, sys.path)'"
        execution = sandbox.execute(show, timeout=30)
    assert execution.output.startswith(b"/usr /usr/lib/python3")
    assert b"/opt/python" not in execution.output


@pytest.mark.bubblewrap
@pytest.mark.slow("all libraries are imported once more")
def test_where_no_tree_can_be_put_together_it_is_where_the_host_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(current_launcher(), "trees", False)
    with start("bubblewrap", SandboxConfig(packages=("filelock",))) as sandbox:
        assert eventually(lambda: sandbox.execute(WARM, timeout=30).exit_code == 0)
        show = "import sys, pandas, filelock; print(sys.prefix, pandas.__file__)"
        execution = sandbox.execute(f"python -c '{show}'", timeout=60)
    place = describe_python(None).site_packages[0] / "pandas" / "__init__.py"
    assert execution.output.decode() == f"{sys.prefix} {place}\n"


def installation(prefix: str, *others: str) -> PythonInstallation:
    folders = tuple(map(Path, (prefix, *others)))
    given = describe_python(None)
    return dataclasses.replace(given, executable=folders[0] / "bin" / "python", folders=folders)


@pytest.mark.parametrize(
    ("folders", "places"),
    [
        (("/home/alice/venv", "/home/alice/python-3"), ["/opt/python", "/opt/python-base"]),
        (("/usr/local",), ["/usr/local"]),
        (("/home/alice/venv", "/usr"), ["/opt/python", "/usr"]),
        (("/py",), ["/py"]),
        (("/home/alice/venv", "/py"), ["/home/alice/venv", "/py"]),
    ],
)
def test_what_lies_elsewhere_than_below_usr_moves(
    folders: tuple[str, ...], places: list[str]
) -> None:
    layout = layout_of(installation(*folders))
    assert [str(layout(Path(folder))) for folder in folders] == places


def test_programs_and_texts_are_told_the_new_names() -> None:
    layout = Layout(((Path("/home/alice/venv"), Path("/opt/python")),))
    text = b"#!/home/alice/venv/bin/python\n/home/alice/venv2 /home/alice/venv\n"
    assert layout.renamed(text) == b"#!/opt/python/bin/python\n/home/alice/venv2 /opt/python\n"
    program = b"\0/home/alice/venv/lib:/home/alice/venv/lib64\0next\0/home/alice/venv.py\0"
    renamed = layout.renamed_program(program)
    assert len(renamed) == len(program)
    assert renamed.startswith(b"\0/opt/python/lib:/opt/python/lib64\0\0")
    assert renamed.endswith(b"\0next\0/home/alice/venv.py\0")
