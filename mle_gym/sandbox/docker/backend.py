"""Sandboxes made of containers by a Docker daemon, one attached program a sandbox."""

from __future__ import annotations

import atexit
import functools
import json
import os
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import docker
from docker.errors import APIError, ContainerError, DockerException, ImageNotFound

from mle_gym.errors import SandboxCrashed, SandboxUnavailable
from mle_gym.sandbox.command_variables import command_environment
from mle_gym.sandbox.docker.container import Container
from mle_gym.sandbox.docker.container_settings import (
    RUN_FOLDER,
    WORKSPACE,
    container_key,
    container_settings,
)
from mle_gym.sandbox.docker.container_user import GROUP
from mle_gym.sandbox.docker.daemon import connect, first_line, unreachable
from mle_gym.sandbox.docker.image import image_name
from mle_gym.sandbox.docker.pool import Pool, containers_ahead
from mle_gym.sandbox.installation.packages import normal
from mle_gym.sandbox.installation.python_installation import PACKAGES
from mle_gym.sandbox.protocol import Shown
from mle_gym.sandbox.runner_client import RunnerSandbox
from mle_gym.sandbox.runner_setup import RunnerSetup
from mle_gym.sandbox.sandbox_config import SandboxConfig
from mle_gym.sandbox.standalone.start_commands import runner_command
from mle_gym.sandbox.warm.in_containers import (
    SHIMS,
    STANDALONE,
    ImagePython,
    trial_mounts,
    zygote_of,
)
from mle_gym.sandbox.warm.zygote_plan import NEWEST, OLDEST

__all__ = ["DockerBackend"]


class DockerBackend:
    """Makes sandboxes with the Docker daemon that ``DOCKER_HOST`` or the default socket names."""

    name = "docker"

    def check(self) -> None:
        """Ask the daemon whether it has the image.

        Raises:
            SandboxUnavailable: No daemon answers, or the image is not there; says what to do.
        """
        _image(connect(), SandboxConfig())

    def shown(self, config: SandboxConfig) -> Shown:
        """Report which packages the image holds.

        Raises:
            SandboxUnavailable: No daemon, or no image.
        """
        image = _image(connect(), replace(config, hidden=()))
        _check_packages(config.packages, image.packages)
        return Shown(f"docker {image.id} {image.python}", image.packages)

    def create(self, config: SandboxConfig) -> RunnerSandbox:
        """Start a sandbox, or take a container that was started ahead.

        Raises:
            SandboxUnavailable: No daemon, no image, or the daemon can't pass GPUs.
            SandboxCrashed: The container could not be started.
        """
        client = connect()
        image = _image(client, config)
        _check_packages(config.packages, image.packages)
        settings = container_settings(config, client, image.installation, image.masks)
        start = functools.partial(Container, client, image.id, settings, config.gpus)
        key = container_key(client, image.id, settings)
        while True:
            container, waited = _pool.take(key, start, containers_ahead())
            try:
                return _sandbox(self.name, container, config, image)
            except SandboxCrashed:
                if not waited:
                    raise


def _sandbox(
    name: str, container: Container, config: SandboxConfig, image: _Image
) -> RunnerSandbox:
    environment = _environment(config, image)
    zygote = zygote_of(image.installation, config, environment)
    if zygote:
        environment["PATH"] = f"{SHIMS}:{environment['PATH']}"
    setup = RunnerSetup(
        WORKSPACE,
        RUN_FOLDER,
        runner_command(image.python, STANDALONE),
        environment,
        warm=zygote is not None,
        zygote=zygote,
        own_groups=True,
    )
    return RunnerSandbox(name, container.stream, config, setup, container.evidence)


_pool: Pool[Container] = Pool()


def _forget_pool() -> None:
    """Let go of waiting containers after a fork, because they belong to the parent."""
    global _pool
    old, _pool = _pool, Pool()
    old.abandon()


os.register_at_fork(after_in_child=_forget_pool)
atexit.register(lambda: _pool.close())


# ------------------------------------------------------------------------------------- the image


@dataclass(frozen=True)
class _Image:
    """What must be known about an image before sandboxes are made from it."""

    id: str
    python: str
    masks: tuple[tuple[str, bool], ...]
    """Absolute paths to hide, and whether each is a folder."""
    names: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    packages: tuple[tuple[str, str], ...] = ()
    """The names and versions of its distributions."""

    @property
    def installation(self) -> ImagePython:
        """What warm Python must know about it."""
        return ImagePython(self.python, self.names, self.folders)


_LOOK = """
import ctypes, glob, importlib.metadata, importlib.util, json, os, re, subprocess, sys
patterns, hidden, programs, oldest, newest = json.loads(sys.argv[1])
real = os.path.realpath
sites = {real(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))}
prefixes = {sys.prefix, sys.base_prefix, "/usr", "/usr/local"}
packages = {real(p) for f in prefixes for each in patterns for p in glob.glob(f"{f}/{each}")}
foreign = [p for p in packages if not any((s + "/").startswith(p + "/") for s in sites)]
spec = importlib.util.find_spec("mle_gym")
ours = list(spec.submodule_search_locations or ()) if spec else []
own = [os.path.join(site, path) for site in sites for path in ["mle_gym", *hidden]]
found = sorted({real(path) for path in [*ours, *own, *foreign] if os.path.exists(path)})
outer = [p for p in found if not any(p.startswith(other + "/") for other in found)]

def runs():
    try:
        shim = subprocess.run(programs[:1], stdin=-3, capture_output=True)
        [ctypes.PyDLL(path) for path in programs if "/program-" in path]
        return b"interpreter" in shim.stderr and oldest <= list(sys.version_info[:2]) <= newest
    except (IndexError, OSError, ValueError):
        return False

folder, name = os.path.split(sys.executable)
alike = [n for n in os.listdir(folder) if n.startswith("python")]
alike = sorted(n for n in alike if real(os.path.join(folder, n)) == real(sys.executable))
names = ["python", *(n for n in alike if n != "python")] if runs() else []
folders = [sys.prefix, sys.base_prefix, sys.exec_prefix, *sites]
masks = [[path, os.path.isdir(path)] for path in outer]
there = [(d.metadata["Name"], d.version) for d in importlib.metadata.distributions()]
there = {re.sub("[-_.]+", "-", name).lower(): version for name, version in there if name}
print(json.dumps([sys.executable, names, sorted(set(folders)), masks, sorted(there.items())]))
"""


def _image(client: docker.DockerClient, config: SandboxConfig) -> _Image:
    name = image_name()
    try:
        id = str(client.images.get(name).id)
    except ImageNotFound:
        raise SandboxUnavailable(
            f"the Docker daemon has no image {name!r}. Make it with `mle-gym image build`, or, "
            "where no registry can be reached, from this machine's own Python with `mle-gym image "
            "build --from-host`."
        ) from None
    except APIError as error:
        raise SandboxUnavailable(
            f"the Docker daemon refused to look for the image {name!r}: {first_line(error)}"
        ) from None
    except (DockerException, OSError) as error:
        raise unreachable(error) from None
    return _look_inside(client, id, str(config.python or "python3"), config.hidden)


@functools.lru_cache(maxsize=256)
def _look_inside(
    client: docker.DockerClient, id: str, python: str, hidden: tuple[str, ...]
) -> _Image:
    """Run the image once to learn where its packages are, what must be hidden, and what can run."""
    mounts, programs = trial_mounts()
    question = [PACKAGES, hidden, programs, OLDEST, NEWEST]
    try:
        answer = client.containers.run(
            id,
            entrypoint=[python, "-c", _LOOK, json.dumps(question)],
            command=[],
            mounts=mounts,
            network_mode="none",
            cap_drop=["ALL"],
            read_only=True,
            user=f"{GROUP}:{GROUP}",
            working_dir="/",
            remove=True,
        )
        executable, names, folders, masks, packages = json.loads(answer)
    except (ContainerError, APIError, ValueError) as error:
        raise SandboxUnavailable(
            f"the image {image_name()!r} has no {python!r} that works: {first_line(error)}. "
            "Make the image again with `mle-gym image build`, or name a Python that is inside it."
        ) from None
    hide = tuple((path, is_folder) for path, is_folder in masks)
    there = tuple((name, version) for name, version in packages)
    return _Image(id, executable, hide, tuple(names), tuple(folders), there)


def _check_packages(wanted: tuple[str, ...], there: tuple[tuple[str, str], ...]) -> None:
    """Check that the image was made with these packages."""
    missing = [name for name in wanted if normal(name) not in dict(there)]
    if missing:
        options = " ".join(f"--package {name}" for name in missing)
        raise SandboxUnavailable(
            f"packages: the image {image_name()!r} lacks {', '.join(missing)}; make it again with "
            f"`mle-gym image build {options}`"
        )


def _environment(config: SandboxConfig, image: _Image) -> dict[str, str]:
    """Make the commands' variables. Inside a container, GPUs are counted from zero."""
    inside = replace(config, gpus=tuple(str(index) for index in range(len(config.gpus))))
    return command_environment(inside, str(PurePosixPath(image.python).parent))
