"""Sandboxes made of containers by a Docker daemon, one attached program a sandbox."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import docker
from docker.errors import APIError, ContainerError, DockerException, ImageNotFound
from docker.types import DeviceRequest, LogConfig, Mount, Ulimit

from mle_gym.errors import SandboxCrashed, SandboxUnavailable
from mle_gym.sandbox.base import SandboxConfig
from mle_gym.sandbox.client import RUNNER_FOLDER, RunnerSandbox, runner_command
from mle_gym.sandbox.docker_client import (
    MACHINE_LABEL,
    OWNER_LABEL,
    connect,
    first_line,
    identity,
    machine,
    remove,
    unreachable,
)
from mle_gym.sandbox.docker_stream import AttachedStream
from mle_gym.sandbox.environment import command_environment
from mle_gym.sandbox.image import image_name
from mle_gym.sandbox.python import PACKAGES
from mle_gym.sandbox.seccomp import docker_profile

__all__ = ["DockerBackend"]

WORKSPACE = "/workspace"
RUN_FOLDER = "/run/mle-gym"
RUNNER_PARENT = "/opt/mle-gym"
USER = 1000
_RUN_FOLDER_MB = 40
_INODES_PER_MB = 256


class DockerBackend:
    """Makes sandboxes with the Docker daemon that ``DOCKER_HOST`` or the default socket names."""

    name = "docker"

    def check(self) -> None:
        """Ask the daemon whether it has the image.

        Raises:
            SandboxUnavailable: No daemon answers, or the image is not there; says what to do.
        """
        _image(connect(), SandboxConfig())

    def create(self, config: SandboxConfig) -> RunnerSandbox:
        """Start a sandbox.

        Raises:
            SandboxUnavailable: No daemon, no image, or the daemon can't pass GPUs.
            SandboxCrashed: The container could not be started.
        """
        client = connect()
        image = _image(client, config)
        with _explained(config):
            container = client.containers.create(image.id, **_settings(config, image, client))
        stream = _start(client, str(container.id), config)
        return RunnerSandbox(
            self.name,
            stream,
            config,
            workspace=WORKSPACE,
            run_folder=RUN_FOLDER,
            command=runner_command(image.python, RUNNER_PARENT),
            environment=_environment(config, image),
            explain=lambda: _explain(client, str(container.id), stream),
        )


# ------------------------------------------------------------------------------------- the image


@dataclass(frozen=True)
class _Image:
    """What must be known of an image before a sandbox is made of it."""

    id: str
    python: str
    masks: tuple[tuple[str, bool], ...]
    """Absolute paths to hide, and whether each is a folder."""


_LOOK = """
import glob, importlib.util, json, os, sys
real = os.path.realpath
sites = {real(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))}
prefixes = {sys.prefix, sys.base_prefix, "/usr", "/usr/local"}
patterns, hidden = sys.argv[1].split(":"), ["mle_gym", *sys.argv[2:]]
packages = {real(p) for f in prefixes for each in patterns for p in glob.glob(f"{f}/{each}")}
foreign = [p for p in packages if not any((s + "/").startswith(p + "/") for s in sites)]
spec = importlib.util.find_spec("mle_gym")
ours = list(spec.submodule_search_locations or ()) if spec else []
own = [os.path.join(site, path) for site in sites for path in hidden]
found = sorted({real(path) for path in [*ours, *own, *foreign] if os.path.exists(path)})
outer = [p for p in found if not any(p.startswith(other + "/") for other in found)]
print(json.dumps([sys.executable, [[path, os.path.isdir(path)] for path in outer]]))
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
    """Run the image once to learn where its packages are and which paths to hide exist."""
    try:
        answer = client.containers.run(
            id,
            entrypoint=[python, "-c", _LOOK, ":".join(PACKAGES), *hidden],
            command=[],
            network_mode="none",
            cap_drop=["ALL"],
            read_only=True,
            user=f"{USER}:{USER}",
            working_dir="/",
            remove=True,
        )
        executable, masks = json.loads(answer)
    except (ContainerError, APIError, ValueError) as error:
        raise SandboxUnavailable(
            f"the image {image_name()!r} has no {python!r} that works: {first_line(error)}. "
            "Make the image again with `mle-gym image build`, or name a Python that is inside it."
        ) from None
    return _Image(id, executable, tuple((path, folder) for path, folder in masks))


# --------------------------------------------------------------------------------- the container


def _settings(config: SandboxConfig, image: _Image, client: docker.DockerClient) -> dict[str, Any]:
    """The container as the SDK's keyword arguments: everything is off that need not be on."""
    limits = config.limits
    # Files in a tmpfs count as the container's memory. With room for all of them full, the kernel
    # never has to end the runner, and with it the episode, because of what an agent stored.
    memory = limits.memory_mb + 2 * limits.disk_mb + _RUN_FOLDER_MB
    return {
        "entrypoint": [*runner_command(image.python, RUNNER_PARENT), "serve"],
        "command": [],
        "stdin_open": True,
        "user": f"{USER}:{USER}",
        "working_dir": WORKSPACE,
        "hostname": "sandbox",
        "labels": {MACHINE_LABEL: machine(), OWNER_LABEL: identity(os.getpid())},
        "auto_remove": True,
        "network_mode": "bridge" if config.network else "none",
        "ipc_mode": "private",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", f"seccomp={docker_profile()}"],
        "read_only": True,
        "tmpfs": _writable_folders(limits.disk_mb),
        "mounts": [*_own_mounts(config), *_masks(image)],
        "shm_size": (limits.memory_mb << 20) // 2,
        "mem_limit": memory << 20,
        "memswap_limit": memory << 20,
        "nano_cpus": int(min(limits.cpus, _processors(client)) * 1e9),
        "pids_limit": limits.processes,
        "ulimits": [Ulimit(name="core", soft=0, hard=0)],
        "log_config": LogConfig(type=LogConfig.types.NONE),
        "device_requests": _gpus(config.gpus),
        "runtime": config.runtime or None,
    }


def _writable_folders(disk_mb: int) -> dict[str, str]:
    options = f"exec,nosuid,nodev,uid={USER},gid={USER}"
    disk = f"{options},size={disk_mb << 20},nr_inodes={max(10_000, disk_mb * _INODES_PER_MB)}"
    return {
        WORKSPACE: f"{disk},mode=755",
        "/tmp": f"{disk},mode=1777",
        RUN_FOLDER: f"{options},size={_RUN_FOLDER_MB << 20},mode=755",
    }


def _own_mounts(config: SandboxConfig) -> Iterator[Mount]:
    """The datasets, and the runner of this very version: image and package never disagree."""
    yield Mount(f"{RUNNER_PARENT}/runner", str(RUNNER_FOLDER), type="bind", read_only=True)
    for mount in config.mounts:
        target = str(PurePosixPath(WORKSPACE, mount.target))
        yield Mount(target, str(mount.source.absolute()), type="bind", read_only=True)


def _masks(image: _Image) -> Iterator[Mount]:
    for path, is_folder in image.masks:
        if is_folder:
            yield Mount(path, None, type="tmpfs", read_only=True, tmpfs_size=4096, tmpfs_mode=0o555)
        else:
            yield Mount(path, "/dev/null", type="bind", read_only=True)


def _gpus(gpus: tuple[str, ...]) -> list[DeviceRequest]:
    return [DeviceRequest(device_ids=list(gpus), capabilities=[["gpu"]])] if gpus else []


@functools.lru_cache(maxsize=8)
def _processors(client: docker.DockerClient) -> int:
    """How many the daemon's machine has: it refuses a quota above that."""
    return int(client.info()["NCPU"])


def _environment(config: SandboxConfig, image: _Image) -> dict[str, str]:
    """GPUs that are passed to a container are counted from zero inside."""
    inside = replace(config, gpus=tuple(str(index) for index in range(len(config.gpus))))
    return command_environment(inside, str(PurePosixPath(image.python).parent))


def _start(client: docker.DockerClient, container: str, config: SandboxConfig) -> AttachedStream:
    """Attach, then start: nothing that the runner says is missed.

    The container takes input once: when this connection ends, even by ``kill -9``, the runner
    sees the end of its input and leaves, and the daemon removes the container.
    """
    try:
        with _explained(config):
            attached = client.api.attach_socket(
                container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            )
            stream = AttachedStream(attached, functools.partial(remove, client, container))
            try:
                client.api.start(container)
            except BaseException:
                stream.close()
                raise
            return stream
    except BaseException:
        with contextlib.suppress(DockerException, OSError):
            remove(client, container)
        raise


# ---------------------------------------------------------------------------------------- errors


@contextlib.contextmanager
def _explained(config: SandboxConfig) -> Iterator[None]:
    """Turn the SDK's errors into ours, with advice where the cause is known."""
    try:
        yield
    except (DockerException, OSError) as error:
        text = first_line(error)
        if config.gpus and ("device driver" in text or "nvidia" in text.lower()):
            raise SandboxUnavailable(
                f"gpus={list(config.gpus)!r}: this Docker daemon can't pass GPUs on ({text}). "
                "Install the NVIDIA Container Toolkit and restart the daemon."
            ) from None
        if config.runtime and "runtime" in text:
            raise SandboxUnavailable(
                f"runtime={config.runtime!r}: this Docker daemon does not have it ({text}). "
                "Install it and name it in the daemon's settings; `docker info` lists what it has."
            ) from None
        if "bind source path does not exist" in text or "not shared" in text:
            text += ". The daemon must see this machine's files: use a local one"
        raise SandboxCrashed(f"the container could not be started: {text}") from None


def _explain(client: docker.DockerClient, container: str, stream: AttachedStream) -> str:
    """Why the runner of a container is gone."""
    reasons = [stream.messages]
    with contextlib.suppress(DockerException, OSError):
        state = client.api.inspect_container(container)["State"]
        reasons += [str(state.get("Error") or ""), "out of memory" if state["OOMKilled"] else ""]
    return "; ".join(reason for reason in reasons if reason)
