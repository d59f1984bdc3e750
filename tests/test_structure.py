"""The layout of the package, beyond what import-linter's contract can express."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mle_gym.paths import PACKAGE, bundled

NAMES_USED_TWICE = {"__init__.py", "backend.py"}
"""Each backend has a ``backend.py``."""


INSIDE_FUNCTIONS = {
    "__init__.py": {"importlib.metadata"},
    "cli/doctor_image.py": {"mle_gym.sandbox.docker.image"},
    "cli/__init__.py": {"mle_gym.cli.app"},
    "cli/grade_validate.py": {"mle_gym.grading.open_grader"},
    "datasets/prepare.py": {"mle_gym.datasets.build"},
    "datasets/rows_in_packages.py": {"mle_gym.datasets.sources.raw_table"},
    "datasets/sources/bundled.py": {"sklearn"},
    "datasets/sources/kaggle/archives.py": {"py7zr"},
    "datasets/sources/kaggle/download.py": {"mle_gym.datasets.sources.kaggle.fetch"},
    "datasets/splits.py": {"sklearn.model_selection"},
    "episode/current_episode.py": {
        "mle_gym.episode.reference_programs",
        "mle_gym.episode.remote_episode",
    },
    "episode/rendering.py": {"mle_gym.clean_console"},
    "episode/submit_commands.py": {"mle_gym.grading.open_grader"},
    "file_lock.py": {"filelock"},
    "grading/open_grader.py": {"mle_gym.datasets.sources.kaggle.adopt"},
    "grading/grader_code/program_inside.py": {"pandas"},
    "integrations/importing/foreign_code_process.py": {"pandas"},
    "integrations/mle_bench/checkout.py": {"yaml"},
    "metrics/scikit_learn.py": {"sklearn.metrics"},
    "tasks/catalog.py": {"importlib.metadata", "mle_gym.tasks.load"},
    "trajectories/audit/similarity.py": {"copydetect"},
}
"""What is imported inside functions, by file. Each keeps something slow, or an extra that may be
missing, out of ``import mle_gym``, ``import mle_gym.env`` or ``mle-gym --help``, and a comment
there says what. The programs in ``sandbox/standalone`` have their own list; both together have at
most 30 entries."""
INSIDE_FUNCTIONS_ELSEWHERE = {
    "runner/file_actions.py": {"..shared.packed_files"},
    "runner/loop.py": {
        ".restore_snapshot",
        ".take_snapshot",
        ".warm_zygote",
    },
    "runner/serve.py": {"shutil"},
    "tables/readers.py": {"columnar"},
    "zygote/parent.py": {"threadpoolctl"},
}
"""Every sandbox waits for these programs to start, and any Python may run them."""

PREPARE_FILES = sorted(bundled("envs").glob("*/prepare.py"))


def test_no_two_modules_bear_one_name() -> None:
    names = Counter(path.name for path in PACKAGE.rglob("*.py") if "_bundled" not in path.parts)
    assert len(names) > 100
    assert {name for name, count in names.items() if count > 1} == NAMES_USED_TWICE


def test_importing_the_environment_loads_nothing_heavy() -> None:
    program = (
        "import sys, mle_gym.env\n"
        "heavy = 'pandas sklearn scipy docker pydantic rich typer PIL filelock asyncio'.split()\n"
        "assert not set(heavy) & set(sys.modules), sorted(set(heavy) & set(sys.modules))\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def inside_functions(tree: ast.AST, within: bool = False) -> Iterator[str]:
    """The modules that functions import."""
    for node in ast.iter_child_nodes(tree):
        if within and isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif within and isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        else:
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from inside_functions(node, within or is_function)


@pytest.mark.bubblewrap
def test_an_episode_whose_metric_needs_no_scikit_learn_imports_none() -> None:
    """It takes a second or more of each process that plays."""
    code = (
        "import sys, gymnasium, mle_gym\n"
        "mle_gym.prepare('titanic')\n"
        "for name in [name for name in sys.modules if name.split('.')[0] == 'sklearn']:\n"
        "    del sys.modules[name]\n"
        "with gymnasium.make('mle/titanic-v0', warm=False) as env:\n"
        "    env.reset(seed=0)\n"
        "    *_, info = env.step('submit data/sample_submission.csv')\n"
        "print(info['grade']['valid'], 'sklearn' in sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed.split() == ["True", "False"]


def test_functions_import_only_what_is_listed() -> None:
    allowed = INSIDE_FUNCTIONS | {
        f"sandbox/standalone/{name}": modules
        for name, modules in INSIDE_FUNCTIONS_ELSEWHERE.items()
    }
    files = [path for path in PACKAGE.rglob("*.py") if "_bundled" not in path.parts]
    total = 0
    for file in files:
        found = set(inside_functions(ast.parse(file.read_bytes())))
        name = file.relative_to(PACKAGE).as_posix()
        assert found == allowed.pop(name, set()), f"{name}: import at the top, or say why not"
        total += len(found)
    assert not allowed, "list only what is imported"
    assert total <= 30


def imported(file: Path) -> Iterator[str]:
    """The modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.parametrize("file", PREPARE_FILES, ids=lambda file: file.parent.name)
def test_what_prepares_a_task_uses_the_toolkit_alone(file: Path) -> None:
    ours = {name for name in imported(file) if name.split(".")[0] == "mle_gym"}
    assert ours <= {"mle_gym.datasets.toolkit", "mle_gym.errors"}
