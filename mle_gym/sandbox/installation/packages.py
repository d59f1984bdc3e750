"""Which distributions of a Python installation a sandbox shows: an allow-list, never all of them.

A host's environment holds whatever its user installed, and much of that contains famous tables:
mlxtend, statsmodels, plotly or Orange would give an agent the test rows of half of the tasks. So a
sandbox shows what ``docker/requirements.txt`` names, what that requires, and what the user adds by
name. Nothing else is there.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mle_gym.errors import SandboxUnavailable
from mle_gym.paths import bundled
from mle_gym.sandbox.installation.python_installation import PythonInstallation

__all__ = [
    "Distribution",
    "ShownPackages",
    "default_packages",
    "distribution_of",
    "normal",
    "shown_packages",
]

_LIST = r"""
import json, os, re, sys
from importlib.metadata import distributions

def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()

def modules(found, site):
    # Of a distribution without a list of its files: the modules that it says are its own.
    names = (found.read_text("top_level.txt") or found.metadata["Name"].replace("-", "_")).split()
    for entry in sorted(os.listdir(site)):
        path = os.path.join(site, entry)
        if entry.partition(".")[0] in names and not entry.endswith((".dist-info", ".egg-info")):
            if os.path.isfile(path):
                yield entry
            for folder, _, files in os.walk(path):
                yield from (os.path.relpath(os.path.join(folder, f), site) for f in files)
    for each in os.listdir(metadata_of(found)):
        yield os.path.relpath(os.path.join(metadata_of(found), each), site)

def metadata_of(found):
    return os.fspath(found._path)

def is_editable(found):
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    return bool(origin.get("dir_info", {}).get("editable"))

def files_of(found, site):
    if found.read_text("RECORD") is None and os.path.isdir(metadata_of(found)):
        return list(modules(found, site))
    return [os.fspath(file) for file in found.files or ()]

def stamp(path):
    path = os.path.join(path, "RECORD") if os.path.isdir(path) else path
    status = os.stat(path if os.path.exists(path) else os.path.dirname(path))
    return [status.st_size, status.st_mtime_ns]

wanted = [normal(name) for name in json.loads(sys.argv[1])]
installed = {}
for found in distributions():
    if found.metadata["Name"]:
        installed.setdefault(normal(found.metadata["Name"]), found)
shown = {}
while wanted:
    name = wanted.pop(0)
    if name in shown or name not in installed:
        continue
    found = installed[name]
    site = os.fspath(found.locate_file(""))
    shown[name] = {
        "name": name,
        "version": found.version,
        "site": site,
        "stamp": stamp(metadata_of(found)),
        "editable": is_editable(found),
        "files": files_of(found, site),
    }
    required = [each for each in found.requires or () if "extra ==" not in each]
    wanted += [normal(re.match(r"\s*([A-Za-z0-9._-]+)", each)[1]) for each in required]
print(json.dumps(sorted(shown.values(), key=lambda each: each["name"])))
"""
"""A program for any interpreter. It is given names of distributions as JSON, and prints, as JSON,
what is installed of them and of what they require."""

_OURS = "mle-gym"


@dataclass(frozen=True)
class Distribution:
    """One installed distribution that a sandbox shows."""

    name: str
    """Normalized, as in ``scikit-learn``."""
    version: str
    site: Path
    """The package folder that contains it."""
    stamp: tuple[int, ...]
    """Changes whenever it is installed again."""
    files: tuple[str, ...]
    """Relative to ``site``."""


@dataclass(frozen=True)
class ShownPackages:
    """What a sandbox shows of one installation's packages."""

    distributions: tuple[Distribution, ...]

    @property
    def versions(self) -> dict[str, str]:
        """Name to version."""
        return {each.name: each.version for each in self.distributions}

    @functools.cached_property
    def digest(self) -> str:
        """Changes whenever one of the distributions is installed again, or elsewhere."""
        facts = [
            [each.name, each.version, str(each.site), each.stamp] for each in self.distributions
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def default_packages() -> tuple[str, ...]:
    """The names in ``docker/requirements.txt``, which agents find if the host has them."""
    return _names_in(bundled("docker") / "requirements.txt")


@functools.cache
def _names_in(path: Path) -> tuple[str, ...]:
    """The distributions in a file of requirements, which each process reads once."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = (re.match(r"[A-Za-z0-9._-]+", line) for line in lines if not line.startswith("#"))
    return tuple(match[0] for match in found if match)


def shown_packages(python: PythonInstallation, added: tuple[str, ...]) -> ShownPackages:
    """Find what a sandbox with this Python shows.

    The interpreter is asked again whenever the package folder changes, as it does on installation.

    Args:
        python: The Python that is offered to the agent.
        added: Names of distributions to show beside the usual ones.

    Raises:
        SandboxUnavailable: An added distribution is not installed there; says what to do.
    """
    times = tuple(site.stat().st_mtime_ns for site in python.site_packages)
    return _shown_packages(python, default_packages(), added, times)


@functools.lru_cache(maxsize=16)
def _shown_packages(
    python: PythonInstallation,
    usual: tuple[str, ...],
    added: tuple[str, ...],
    _times: tuple[int, ...],
) -> ShownPackages:
    answer = list(_ask(python, (*usual, *added)))
    found = {distribution.name for distribution in answer}
    missing = [name for name in added if normal(name) not in found]
    if missing:
        raise SandboxUnavailable(
            f"packages: {', '.join(missing)} can't be shown: install it beside {python.executable} "
            f"(`{python.executable} -m pip install {' '.join(missing)}`), not as an editable one"
        )
    return ShownPackages(tuple(answer))


def normal(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _ask(python: PythonInstallation, names: tuple[str, ...]) -> Iterator[Distribution]:
    command = [str(python.executable), "-I", "-c", _LIST, json.dumps(names)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        found = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        detail = str(getattr(error, "stderr", None) or error).strip()
        raise SandboxUnavailable(f"{python.executable} can't list its packages: {detail}") from None
    for each in found:
        if each["name"] == _OURS:  # it holds the graders
            continue
        if each["editable"] or not each["files"]:
            why = "is an editable install" if each["editable"] else "has no list of its files"
            warnings.warn(
                f"{each['name']} {why}, so sandboxes don't show it; install it with pip",
                stacklevel=2,
            )
            continue
        yield Distribution(
            each["name"],
            each["version"],
            Path(each["site"]),
            tuple(each["stamp"]),
            tuple(each["files"]),
        )


DISTRIBUTIONS = {
    "Levenshtein": "levenshtein",
    "PIL": "pillow",
    "bson": "pymongo",
    "cv2": "opencv-python",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Modules that PyPI has under another name."""


def distribution_of(module: str) -> str:
    """The distribution to install for a module."""
    top = module.partition(".")[0]
    return DISTRIBUTIONS.get(top, top)
