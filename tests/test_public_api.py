from __future__ import annotations

import subprocess
import sys
import types
from importlib.metadata import version

import gymnasium
import pytest

import mle_gym


def test_all_is_sorted_and_complete() -> None:
    assert mle_gym.__all__ == sorted(mle_gym.__all__)
    public = {
        name
        for name in dir(mle_gym)
        if not name.startswith("_") and not isinstance(getattr(mle_gym, name), types.ModuleType)
    }
    helpers = {"Any", "TYPE_CHECKING", "annotations", "import_module", "register_all"}
    assert public - helpers == set(mle_gym.__all__) - {"__version__", "errors"}


@pytest.mark.parametrize("name", mle_gym.__all__)
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(mle_gym, name)
    assert isinstance(value, types.ModuleType) is (name == "errors")


def test_a_submodule_never_hides_the_function_of_its_name() -> None:
    import mle_gym.trajectories.rollout as module  # noqa: F401

    assert callable(mle_gym.rollout)
    assert callable(mle_gym.grade)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mle_gym.nothing  # noqa: B018


def test_version_is_the_installed_one() -> None:
    assert mle_gym.__version__ == version("mle-gym")


def test_import_loads_nothing_heavy() -> None:
    program = (
        "import sys, mle_gym\n"
        "heavy = 'pandas sklearn scipy docker pydantic rich typer PIL matplotlib'.split()\n"
        "heavy += ['importlib.metadata']  # half of an import, with its email and its csv\n"
        "assert not set(heavy) & set(sys.modules), sorted(set(heavy) & set(sys.modules))\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_import_registers_the_built_in_tasks() -> None:
    ids = {name for name in gymnasium.registry if name.startswith("mle/")}
    assert {"mle/titanic-v0", "mle/wine-v0", "mle/digits-v0"} <= ids
    assert len(ids) >= 10
    for name in ids:
        spec = gymnasium.spec(name)
        assert spec.nondeterministic
        assert spec.max_episode_steps is None


def test_importing_twice_registers_once() -> None:
    from mle_gym.tasks.catalog import register_all

    before = dict(gymnasium.registry)
    register_all()
    assert dict(gymnasium.registry) == before
