"""What a container is made of: its mounts, its limits, and what is turned off."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import docker
from docker.types import DeviceRequest, DriverConfig, LogConfig, Mount, Ulimit

from mle_gym.sandbox.docker.daemon import (
    MACHINE_LABEL,
    OWNER_LABEL,
    identity,
    information,
    machine,
)
from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.sandbox_config import SandboxConfig
from mle_gym.sandbox.seccomp import docker_profile
from mle_gym.sandbox.standalone.launcher.kernel_count_limits import MOST_TERMINALS
from mle_gym.sandbox.standalone.start_commands import runner_command
from mle_gym.sandbox.warm.in_containers import STANDALONE, ImagePython, own_mounts

__all__ = [
    "RUN_FOLDER",
    "WORKSPACE",
    "Masks",
    "container_key",
    "container_settings",
]

WORKSPACE = "/workspace"
RUN_FOLDER = "/run/mle-gym"
_RUN_FOLDER_MB = 40
_INODES_PER_MB = 256
_MOST_OPEN_FILES, _MOST_SIGNALS = 4096, 4096
"""Limits of each process, as in bubblewrap's sandboxes."""
_OF_THIS_KERNEL = ("runc", "crun", "sysbox-runc")

Masks = tuple[tuple[str, bool], ...]
"""Absolute paths to hide in an image, and whether each is a folder."""


def container_settings(
    config: SandboxConfig, client: docker.DockerClient, python: ImagePython, masks: Masks
) -> dict[str, Any]:
    """Describe a container by the SDK's keyword arguments. What it doesn't need is turned off.

    Its user is chosen when it is created.

    Args:
        config: Limits, mounts, network and GPUs.
        client: Connected to the daemon that will make it.
        python: The image's Python, which runs the runner.
        masks: The paths to hide.
    """
    return {
        "entrypoint": [*runner_command(python.executable, STANDALONE), "serve"],
        "command": [],
        "stdin_open": True,
        "working_dir": WORKSPACE,
        "hostname": "sandbox",
        "labels": {MACHINE_LABEL: machine(), OWNER_LABEL: identity(os.getpid())},
        "auto_remove": True,
        "network_mode": "bridge" if config.network else "none",
        "ipc_mode": "private",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", f"seccomp={docker_profile()}"],
        "read_only": True,
        "tmpfs": _writable_folders(config.limits.disk_mb),
        "mounts": [
            *own_mounts(python, config),
            *_datasets(config),
            *_masks(masks),
            *_terminals(client, config),
        ],
        **_resources(config.limits, processors=int(information(client)["NCPU"])),
        "log_config": LogConfig(type=LogConfig.types.NONE),
        "device_requests": _gpus(config.gpus),
        "runtime": config.runtime or None,
    }


def _resources(limits: Limits, *, processors: int) -> dict[str, Any]:
    """What the container may use of a machine with so many processors."""
    # Files in a tmpfs count as the container's memory. With room for all of them full, the kernel
    # never has to end the runner, and with it the episode, because of what an agent stored.
    memory = limits.memory_mb + 2 * limits.disk_mb + _RUN_FOLDER_MB
    return {
        "shm_size": (limits.memory_mb << 20) // 2,
        "mem_limit": memory << 20,
        "memswap_limit": memory << 20,
        # The daemon refuses a quota above what the machine has.
        "nano_cpus": int(min(limits.cpus, processors) * 1e9),
        "pids_limit": limits.processes,
        "ulimits": [
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="nofile", soft=1024, hard=_MOST_OPEN_FILES),
            Ulimit(name="sigpending", soft=_MOST_SIGNALS, hard=_MOST_SIGNALS),
        ],
    }


def container_key(client: docker.DockerClient, image: str, settings: dict[str, Any]) -> str:
    """A key that is equal for containers made from the same things by the same daemon.

    A folder that was removed and made again counts as another thing, because an older container
    would still show the removed one.
    """
    sources = [mount["Source"] for mount in settings["mounts"] if mount["Type"] == "bind"]
    made_of = [client.api.base_url, image, settings, [_inode(path) for path in sources]]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def _inode(path: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        information = Path(path).stat()
        return information.st_dev, information.st_ino
    return None


def _writable_folders(disk_mb: int) -> dict[str, str]:
    options = "exec,nosuid,nodev"
    disk = f"{options},size={disk_mb << 20},nr_inodes={max(10_000, disk_mb * _INODES_PER_MB)}"
    return {
        WORKSPACE: f"{disk},mode=755",
        "/tmp": f"{disk},mode=1777",
        RUN_FOLDER: f"{options},size={_RUN_FOLDER_MB << 20},mode=755",
    }


def _datasets(config: SandboxConfig) -> Iterator[Mount]:
    for mount in config.mounts:
        target = str(PurePosixPath(WORKSPACE, mount.target))
        yield Mount(target, str(mount.source.absolute()), type="bind", read_only=True)


def _masks(masks: Masks) -> Iterator[Mount]:
    for path, is_folder in masks:
        if is_folder:
            yield Mount(path, None, type="tmpfs", read_only=True, tmpfs_size=4096, tmpfs_mode=0o555)
        else:
            yield Mount(path, "/dev/null", type="bind", read_only=True)


def _terminals(client: docker.DockerClient, config: SandboxConfig) -> Iterator[Mount]:
    """A file system of terminals with few of them: the machine's kernel has 3,000 for all.

    A volume without a name, which the daemon mounts anew for each container and removes with it.
    Runtimes with a kernel of their own have terminals of their own.
    """
    if (config.runtime or information(client).get("DefaultRuntime")) in _OF_THIS_KERNEL:
        options = f"newinstance,nosuid,noexec,ptmxmode=0666,mode=620,max={MOST_TERMINALS}"
        how = DriverConfig("local", {"type": "devpts", "device": "devpts", "o": options})
        yield Mount("/dev/pts", None, type="volume", no_copy=True, driver_config=how)


def _gpus(gpus: tuple[str, ...]) -> list[DeviceRequest]:
    return [DeviceRequest(device_ids=list(gpus), capabilities=[["gpu"]])] if gpus else []
