"""The image that the Docker backend starts: its name, and two ways to make it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound

from mle_gym.errors import SandboxUnavailable
from mle_gym.paths import bundled
from mle_gym.sandbox.docker.daemon import connect
from mle_gym.sandbox.docker.host_image import write_root

__all__ = ["build_from_dockerfile", "build_from_host", "image_name"]

Report = Callable[[str], None]
"""Receives one line of progress at a time."""

_LABEL = "mle-gym.image"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_CONFIGURATION = (
    "ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8",
    "USER 1000:1000",
    "WORKDIR /workspace",
    'CMD ["bash"]',
)


def image_name() -> str:
    """``$MLE_GYM_DOCKER_IMAGE``, or else the image that belongs to this version of the package."""
    return os.environ.get("MLE_GYM_DOCKER_IMAGE") or f"mle-gym:{version('mle-gym')}"


def build_from_dockerfile(report: Report, python: str = "", packages: tuple[str, ...] = ()) -> str:
    """Build the image from ``docker/Dockerfile``: a slim Debian with Python and its libraries.

    Args:
        report: Called with each line of progress.
        python: Version of Python, ``"3.12"``; empty for that of this process.
        packages: Distributions to install beside the usual ones.

    Returns:
        The image's name.

    Raises:
        SandboxUnavailable: No daemon answers, or a step failed; says which and why.
    """
    client, name = connect(), image_name()
    folder = bundled("docker")
    arguments = {key: os.environ[key] for key in _PROXIES if key in os.environ}
    arguments["PYTHON_VERSION"] = python or f"{sys.version_info.major}.{sys.version_info.minor}"
    arguments["PACKAGES"] = " ".join(packages)
    report(f"building {name} from {folder / 'Dockerfile'}")
    with _explained(), _Replacing(client, name):
        progress = client.api.build(
            path=str(folder),
            tag=name,
            rm=True,
            forcerm=True,
            decode=True,
            use_config_proxy=True,
            buildargs=arguments,
            labels={_LABEL: "dockerfile"},
        )
        for line in _lines(progress):
            report(line)
    report(f"made {name}")
    return name


def build_from_host(report: Report, packages: tuple[str, ...] = ()) -> str:
    """Make an equivalent image from this machine: its Python, libraries and basic programs.

    Needs no registry and no network. The packages are those of ``docker/requirements.txt`` that
    are installed beside this one, in the same versions; ``mle_gym`` itself is not among them.

    Args:
        report: Called with each line of progress.
        packages: Distributions to take along beside the usual ones.

    Returns:
        The image's name.

    Raises:
        SandboxUnavailable: No daemon answers, or this machine lacks something; says what.
    """
    client, name = connect(), image_name()
    report(f"making {name} from {sys.executable}")
    with _explained(), tempfile.TemporaryFile() as archive, _Replacing(client, name):
        write_root(archive, report, packages)
        report(f"importing {archive.tell() >> 20} MB")
        archive.seek(0)
        repository, tag = _split(name)
        changes = [*_CONFIGURATION, f"LABEL {_LABEL}=host"]
        answer = client.api.import_image(archive, repository, tag, changes=changes)
        for _ in _lines(json.loads(line) for line in answer.splitlines()):
            pass
    report(f"made {name}")
    return name


class _Replacing:
    """Removes the image that had the name before, unless something else still uses it."""

    def __init__(self, client: DockerClient, name: str) -> None:
        self._client, self._name = client, name

    def __enter__(self) -> None:
        self._before = self._current()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None or not self._before or self._before == self._current():
            return
        try:
            old = self._client.images.get(self._before)
            if not old.tags:
                old.remove()
        except APIError:
            return

    def _current(self) -> str:
        try:
            return str(self._client.images.get(self._name).id)
        except ImageNotFound:
            return ""


def _split(name: str) -> tuple[str, str]:
    """Split a name into repository and tag. A registry's port is not a tag."""
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "latest")


def _lines(progress: Iterator[dict[str, Any]]) -> Iterator[str]:
    """The texts of a daemon's progress messages.

    Raises:
        SandboxUnavailable: One of them is an error.
    """
    step = error = ""
    # Read to the end, even past an error: a connection left half-read is never given back.
    for message in progress:
        error = error or str(message.get("error") or "").strip()
        text = str(message.get("stream") or "").strip()
        if text.startswith("Step "):
            step = text
        if text:
            yield text
        elif "progress" not in message and message.get("status"):
            yield str(message["status"])
    if error:
        raise _failure(f"{step}: {error}" if step else error)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turn the SDK's and the file system's errors into ours."""
    try:
        yield
    except (DockerException, OSError) as error:
        raise _failure(str(getattr(error, "explanation", None) or error)) from None


def _failure(reason: str) -> SandboxUnavailable:
    return SandboxUnavailable(
        f"the image {image_name()} could not be made: {reason}. If this machine can't reach a "
        "registry or a package index, `mle-gym image build --from-host` makes the image from what "
        "is installed here."
    )
