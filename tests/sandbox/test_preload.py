"""What is imported ahead: chosen with the environment, and never a reason to fail."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox import SandboxConfig
from mle_gym.sandbox.backends import get_backend
from mle_gym.sandbox.bubblewrap.launcher_client import current_launcher
from mle_gym.sandbox.bubblewrap.python_mounts import python_mounts
from mle_gym.sandbox.installation.python_installation import describe_python
from mle_gym.sandbox.installation.python_layout import layout_of
from mle_gym.sandbox.sandbox_config import PRELOAD
from mle_gym.sandbox.standalone.shared.kernel_files import children
from mle_gym.sandbox.standalone.zygote.parent import _preload
from mle_gym.sandbox.warm.zygote_plan import Shown, warm_python

from .conftest import eventually, start
from .docker_daemon import require

LOADED = "python -c \"import sys; sys.exit('{}' not in sys.modules)\""


@pytest.fixture
def _bubblewrap() -> None:
    try:
        get_backend("bubblewrap").check()
    except SandboxUnavailable as error:
        require("bubblewrap", str(error))


@pytest.mark.parametrize(
    "arguments", [{}, {"warm": False}, {"preload": ["json", "xml.dom"]}, {"preload": []}]
)
def test_the_arguments_survive_a_round_trip_of_the_specification(arguments: dict[str, Any]) -> None:
    env = gym.make("mle/zoo-v0", **arguments)
    assert env.spec is not None
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    for each in (env, again):
        settings = each.unwrapped.settings  # type: ignore[attr-defined]
        assert settings.warm == arguments.get("warm", True)
        assert settings.preload == tuple(arguments.get("preload", PRELOAD))
        each.close()


def test_versions_that_cannot_be_warm_start_cold() -> None:
    python = describe_python(None)
    assert python.version == sys.version_info[:2]
    shown = Shown(python.executable, python.folders, {})
    for version in ((3, 8), (3, 15)):
        assert warm_python(dataclasses.replace(python, version=version), shown, (), {}) is None


@pytest.mark.usefixtures("_bubblewrap")
def test_an_environment_preloads_what_it_is_told() -> None:
    env = gym.make("mle/zoo-v0", sandbox="bubblewrap", preload=["colorsys", "not_installed"])
    env.reset(seed=0)

    def loads(module: str) -> bool:
        return bool(env.step(LOADED.format(module))[0]["exit_code"] == 0)

    assert eventually(lambda: loads("colorsys"))
    assert not loads("pandas")
    observation, *_ = env.step("python -c 'import not_installed'")
    assert "ModuleNotFoundError: No module named 'not_installed'" in observation["output"]
    env.close()


@pytest.mark.usefixtures("_bubblewrap")
def test_nothing_preloaded_is_warm_all_the_same() -> None:
    with start("bubblewrap", SandboxConfig(preload=())) as sandbox:
        # The zygote's own imports are what only a warm program has.
        assert eventually(
            lambda: sandbox.execute(LOADED.format("ctypes"), timeout=9).exit_code == 0, 30
        )


IRIS = "sklearn/datasets/data/iris.csv"
SIZE = f"import os, numpy; print(os.path.getsize(os.path.dirname(numpy.__path__[0]) + '/{IRIS}'))"


@pytest.mark.usefixtures("_bubblewrap")
def test_tasks_that_hide_different_tables_share_a_zygote_and_see_their_own_files() -> None:
    def zygotes() -> set[int]:
        found = children(current_launcher().pid)
        return {pid for pid in found if b"zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()}

    sizes, seen = [], set[int]()
    for hidden in ((), (IRIS,), ("sklearn/datasets/data/wine_data.csv",)):
        with start("bubblewrap", SandboxConfig(hidden=hidden)) as sandbox:
            assert eventually(
                lambda: sandbox.execute(LOADED.format("sklearn"), timeout=9).exit_code == 0, 60
            )
            sizes.append(int(sandbox.execute(f'python -c "{SIZE}"', timeout=9).output))
            seen = seen or zygotes()
            assert zygotes() == seen
    assert sizes == [sizes[0], 0, sizes[0]]
    assert sizes[0] > 0


@pytest.mark.usefixtures("_bubblewrap")
@pytest.mark.parametrize(
    ("hidden", "preload", "shared"),
    [
        (IRIS, PRELOAD, True),
        (IRIS, PRELOAD[:3], True),
        (IRIS, (*PRELOAD, "json"), False),
        ("sklearn/datasets/_base.py", PRELOAD, False),
        ("sklearn/datasets/data", PRELOAD, False),
    ],
)
def test_what_an_import_might_read_is_hidden_from_the_zygote_too(
    hidden: str, preload: tuple[str, ...], shared: bool
) -> None:
    python = describe_python(None)
    layout = layout_of(python)
    if not layout.places:
        pytest.skip("this interpreter is shown where it is")

    def plan(config: SandboxConfig) -> Any:
        warm = python_mounts(python, layout, {}, config, {}, trees=True).warm
        assert warm is not None
        return warm.plan

    usual, masked = (SandboxConfig(preload=preload, hidden=each) for each in ((), (hidden,)))
    assert (plan(usual) == plan(masked)) is shared


READS = """
import importlib, json, sys
opened = []
sys.addaudithook(lambda name, values: name == "open" and opened.append(str(values[0])))
for module in json.loads(sys.argv[1]):
    importlib.import_module(module)
print(json.dumps([path for path in opened if "site-packages" in path]))
"""


@pytest.mark.slow("it imports everything that is preloaded")
def test_no_import_of_the_usual_modules_reads_data_that_a_task_could_hide() -> None:
    command = [sys.executable, "-c", READS, json.dumps(PRELOAD)]
    paths = [Path(path) for path in json.loads(subprocess.check_output(command, text=True))]
    suffixes = {path.suffix for path in paths}
    assert ".pyc" in suffixes  # it sees what is read
    # Style sheets of pages that show models, and the metadata of an installation.
    assert suffixes <= {".py", ".pyc", ".so", ".css", ".js", ".json"}
    assert {path.name for path in paths if path.suffix == ".json"} <= {"direct_url.json"}


@pytest.mark.parametrize("trouble", ["raise RuntimeError('no driver')", "1 +", "import nothing"])
def test_a_module_that_cannot_be_imported_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    (tmp_path / "troubled_module.py").write_text(trouble)
    (tmp_path / "sound_module.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    try:
        _preload(["troubled_module", "sound_module"], [str(tmp_path)], {})
        assert "sound_module" in sys.modules
        assert "troubled_module" not in sys.modules
    finally:
        sys.modules.pop("sound_module", None)
