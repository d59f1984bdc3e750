"""The Dockerfiles of a Harbor task, and the files that they need beside them."""

from __future__ import annotations

import re
from importlib.metadata import requires, version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mle_gym.datasets.rows_in_packages import files_with_rows
from mle_gym.integrations.harbor.harbor_format import (
    DATASET_FOLDER,
    GRADING,
    SETTINGS_FILE,
    TASK_FOLDER,
    WORKSPACE,
)
from mle_gym.paths import bundled
from mle_gym.sandbox.installation.packages import shown_packages
from mle_gym.sandbox.installation.python_installation import describe_python
from mle_gym.sandbox.sandbox_config import SandboxConfig

if TYPE_CHECKING:
    from mle_gym.tasks.spec import TaskSpec

__all__ = ["PYTHON_IMAGE", "write_agent_image", "write_verifier_image"]

PYTHON_IMAGE = (
    "python:3.12-slim-bookworm"
    "@sha256:782412e85d0f0984994c290652577d4018aff08145c85b262bb63dc0c7522254"
)
"""What both images are built from unless another one is named."""

ROWS_FILE = "rows_in_packages.txt"

_FIRST = re.compile(r"^#.*?^FROM [^\n]+\n", re.MULTILINE | re.DOTALL)
"""The head of the recipe of the docker backend's image, down to what that is built from."""

_AGENT = f"""
USER root
# Packages ship the rows of famous tables; those of this task are removed.
COPY {ROWS_FILE} /tmp/{ROWS_FILE}
RUN cd "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \\
    && xargs --no-run-if-empty --delimiter '\\n' rm --force -- < /tmp/{ROWS_FILE} \\
    && rm /tmp/{ROWS_FILE}
COPY data {WORKSPACE}/data
USER agent
WORKDIR {WORKSPACE}
"""

_VERIFIER = f"""
USER root
COPY requirements.txt {GRADING}/requirements.txt
RUN python -m pip install --no-cache-dir --disable-pip-version-check \\
    --requirement {GRADING}/requirements.txt
COPY mle_gym {GRADING}/mle_gym
COPY {TASK_FOLDER} {GRADING}/{TASK_FOLDER}
COPY {DATASET_FOLDER} {GRADING}/{DATASET_FOLDER}
COPY {SETTINGS_FILE} {GRADING}/{SETTINGS_FILE}
COPY test.sh /tests/test.sh
RUN chmod -R go= {GRADING} /tests
ENV PYTHONPATH={GRADING}
WORKDIR {WORKSPACE}
"""


def write_agent_image(task: TaskSpec, folder: Path, image: str) -> None:
    """Write the recipe of the image that agents work in, beside the folder ``data``.

    Args:
        task: Whose rows no package of the image may contain.
        folder: The new files' folder.
        image: What to build from, if that has the packages and the user ``agent`` already.

    Raises:
        SandboxError: The packages that agents are shown can't be searched for rows.
    """
    packages = shown_packages(describe_python(None), ()).versions
    if image:
        recipe = f"FROM {image}\n"
    else:
        recipe = (bundled("docker") / "Dockerfile").read_text(encoding="utf-8")
        recipe = _FIRST.sub(f"FROM {PYTHON_IMAGE}\n", recipe, count=1)
        _write_requirements(folder, packages)
    rows = _in_site_packages(files_with_rows(task, "auto", SandboxConfig()))
    (folder / ROWS_FILE).write_text("".join(f"{path}\n" for path in rows))
    (folder / "Dockerfile").write_text(recipe + _AGENT)


def write_verifier_image(folder: Path, image: str) -> None:
    """Write the recipe of the image that grades. What it copies is for others to write.

    Args:
        folder: The new files' folder.
        image: What to build from; where it has the packages already, nothing is downloaded.
    """
    folder.mkdir()
    names = [re.match(r"[\w.-]+", each) for each in requires("mle-gym") or () if ";" not in each]
    _write_requirements(folder, {name[0]: version(name[0]) for name in names if name})
    (folder / "Dockerfile").write_text(f"FROM {image or PYTHON_IMAGE}\n{_VERIFIER}")


def _write_requirements(folder: Path, packages: dict[str, str]) -> None:
    """Pin packages to the versions here, with which floor and ceiling were measured."""
    lines = (f"{name}=={number}\n" for name, number in sorted(packages.items()))
    (folder / "requirements.txt").write_text("".join(lines))


def _in_site_packages(paths: tuple[str, ...]) -> list[str]:
    """The paths relative to the folder that packages are installed in."""
    found = []
    for path in map(PurePosixPath, paths):
        parts = path.parts
        after = parts.index("site-packages") + 1 if "site-packages" in parts else 0
        found.append(str(PurePosixPath(*parts[after:])))
    return found
