"""A sandbox shows the usual distributions, what they require and what the user adds: no others."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mle_gym.errors import SandboxUnavailable
from mle_gym.paths import PACKAGE, bundled
from mle_gym.sandbox import SandboxConfig
from mle_gym.sandbox.installation.package_folders import package_folders
from mle_gym.sandbox.installation.packages import default_packages, shown_packages
from mle_gym.sandbox.installation.python_installation import describe_python
from mle_gym.sandbox.installation.python_layout import layout_of
from tests.sandbox.conftest import eventually, start
from tests.sandbox.installation import Installation

WARM = "python -c 'import sys; sys.exit(\"colorsys\" not in sys.modules)'"


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """Distributions with and without permission, some of them odd."""
    made = Installation(tmp_path / "host")
    module = "import importlib.metadata as m\nnumber, known = 1, [*m.distributions()]\n"
    made.install("joblib", {"joblib/__init__.py": module}, requires=["helper>=1; a == 'b'"])
    made.install("helper", {"helper.py": "", "shared/helper.py": "", "helper.pth": "/\n"})
    made.install("tables", {"tables/__init__.py": "", "tables/rows.csv": "5.1,3.5\n", "top.py": ""})
    made.install("neighbour", {"shared/neighbour.py": ""})
    (made.site / "loose.py").write_text("")
    (made.site / "loose.pth").write_text("/\n")
    return made


def shown_site(installation: Installation) -> Path:
    """The package folder, as it is seen in a sandbox."""
    return layout_of(describe_python(installation.python))(installation.site)


def importable(installation: Installation, *names: str, **options: object) -> list[str]:
    """Which of these modules a program finds in a sandbox."""
    program = f"""
for name in {names!r}:
    try:
        __import__(name)
        print(name)
    except ModuleNotFoundError as error:
        assert str(error).startswith("No module named"), error
"""
    config = SandboxConfig(python=installation.python, warm=False, **options)  # type: ignore[arg-type]
    with start("bubblewrap", config) as sandbox:
        sandbox.write_file("look.py", program.encode())
        execution = sandbox.execute("python look.py", timeout=30)
        listed = sandbox.execute(f"find {shown_site(installation)} -name '*.pth'", timeout=30)
    assert execution.exit_code == 0, execution.output
    assert listed.output == b""
    return execution.output.decode().split()


MODULES = ("joblib", "helper", "shared.helper", "tables", "top", "shared.neighbour", "loose")


@pytest.mark.bubblewrap
def test_what_is_not_allowed_is_not_there(installation: Installation) -> None:
    assert importable(installation, *MODULES) == ["joblib", "helper", "shared.helper"]
    found = {}
    for everything in (False, True):  # with everything shown, the search succeeds
        config = SandboxConfig(python=installation.python, all_packages=everything, warm=False)
        with start("bubblewrap", config) as sandbox:
            search = "find / -name rows.csv -not -path '/proc/*' 2>/dev/null"
            found[everything] = sandbox.execute(search, timeout=60).output.decode().split()
    assert found == {False: [], True: [str(shown_site(installation) / "tables" / "rows.csv")]}


@pytest.mark.bubblewrap
def test_what_the_user_adds_is_there_too(installation: Installation) -> None:
    found = importable(installation, *MODULES, packages=("Tables",))
    assert found == ["joblib", "helper", "shared.helper", "tables", "top"]


@pytest.mark.bubblewrap
def test_warm_programs_have_no_other_modules(installation: Installation) -> None:
    preload = ("colorsys", "joblib", "tables", "shared.neighbour", "loose")
    program = f"import sys; print(sorted({{*{preload!r}}} & {{*sys.modules}}))"
    config = SandboxConfig(python=installation.python, preload=preload)
    with start("bubblewrap", config) as sandbox:
        assert eventually(lambda: sandbox.execute(WARM, timeout=20).exit_code == 0)
        execution = sandbox.execute(f'python -c "{program}"', timeout=20)
        assert execution.output == b"['colorsys', 'joblib']\n"
        names = "import importlib.metadata as m; print(sorted(d.name for d in m.distributions()))"
        execution = sandbox.execute(f'python -c "{names}; import tables"', timeout=20)
    assert b"['helper', 'joblib']\n" in execution.output
    assert b"ModuleNotFoundError: No module named 'tables'" in execution.output


@pytest.mark.bubblewrap
@pytest.mark.slow("all libraries are imported once more")
def test_programs_are_warm_where_mle_gym_is_installed_in_that_python(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "host")
    installation.install("joblib", {"joblib.py": ""})
    copy = installation.site / "mle_gym"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "_bundled"))
    shutil.copytree(bundled("docker"), copy / "_bundled" / "docker")
    program = f"""
import sys, time
sys.path += {sys.path!r}
from mle_gym.paths import PACKAGE
from mle_gym.sandbox import SandboxConfig
from mle_gym.sandbox.backends import get_backend
from mle_gym.sandbox.bubblewrap.launcher_client import current_launcher

current_launcher().trees = False  # the zygote sees the folders of the host
assert str(PACKAGE) == {str(copy)!r}
with get_backend("bubblewrap").create(SandboxConfig(preload=("colorsys",))) as sandbox:
    deadline = time.monotonic() + 60
    while sandbox.execute({WARM!r}, timeout=20).exit_code:
        assert time.monotonic() < deadline
"""
    subprocess.run([installation.python, "-c", program], cwd=tmp_path, check=True)


def test_a_name_that_is_not_installed_is_an_error_that_says_what_to_do(
    installation: Installation,
) -> None:
    python = describe_python(installation.python)
    with pytest.raises(SandboxUnavailable, match=r"absent .*-m pip install absent"):
        shown_packages(python, ("absent",))


def test_what_was_installed_again_is_shown_as_it_is_now(installation: Installation) -> None:
    python = describe_python(installation.python)

    def shown(name: str) -> str:
        folders = package_folders(python, shown_packages(python, ()))
        return (folders[python.site_packages[0]] / name).read_text()

    assert "number, known = 1" in shown("joblib/__init__.py")
    installation.install("joblib", {"joblib/__init__.py": "number = 2\n"}, version="1.1")
    assert shown("joblib/__init__.py") == "number = 2\n"
    assert shown_packages(python, ()).versions == {"joblib": "1.1"}


def test_a_folder_that_lost_files_is_made_again(installation: Installation) -> None:
    python = describe_python(installation.python)
    shown = shown_packages(python, ())
    (folder,) = package_folders(python, shown).values()
    folder.parent.rename(folder.parent.with_name("elsewhere"))
    (again,) = package_folders(python, shown).values()
    assert again == folder
    assert (again / "joblib" / "__init__.py").is_file()


@pytest.mark.parametrize("top_level", ["odd_one\n", None])
def test_without_a_list_of_files_a_distribution_has_the_modules_that_it_names(
    installation: Installation, top_level: str | None
) -> None:
    files = {"odd_one/__init__.py": "", "odd_one/deep/data.txt": "", "odd_one_more.py": ""}
    extra = {} if top_level is None else {"top_level.txt": top_level}
    installation.install("odd-one", files, record=False, extra=extra)
    python = describe_python(installation.python)
    (found,) = [
        d for d in shown_packages(python, ("odd_one",)).distributions if d.name == "odd-one"
    ]
    assert {"odd_one/__init__.py", "odd_one/deep/data.txt"} <= set(found.files)
    assert "odd_one_more.py" not in found.files


def test_an_editable_install_is_left_out_with_a_warning(installation: Installation) -> None:
    origin = {"direct_url.json": '{"url": "file:///x", "dir_info": {"editable": true}}'}
    installation.install("joblib", {"joblib.pth": "/somewhere\n"}, version="2", extra=origin)
    python = describe_python(installation.python)
    with pytest.warns(UserWarning, match="joblib is an editable install"):
        assert "joblib" not in shown_packages(python, ()).versions


def test_this_package_is_never_shown() -> None:
    with pytest.raises(SandboxUnavailable, match="mle-gym"):
        shown_packages(describe_python(None), ("mle-gym",))


def test_every_usual_distribution_that_is_installed_is_shown() -> None:
    shown = shown_packages(describe_python(None), ())
    assert {"numpy", "pandas", "scikit-learn", "scipy", "joblib"} <= set(shown.versions)
    assert set(default_packages()) & set(shown.versions)
    assert "gymnasium" not in shown.versions
    changed = dataclasses.replace(shown.distributions[0], stamp=(0, 0))
    assert dataclasses.replace(shown, distributions=(changed,)).digest != shown.digest
