"""The connection to the Docker daemon, and the removal of containers.

A label on each container names the process that made it. So containers that a killed process left
behind can be distinguished from those in use.
"""

from __future__ import annotations

import functools
import os
import platform
import socket
import time
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound

from mle_gym.errors import SandboxUnavailable

__all__ = [
    "MACHINE_LABEL",
    "OWNER_LABEL",
    "connect",
    "first_line",
    "identity",
    "information",
    "machine",
    "remove",
    "unreachable",
]

OWNER_LABEL, MACHINE_LABEL = "mle-gym.owner", "mle-gym.machine"
_DEFAULT_HOST = "unix:///var/run/docker.sock"
_DAEMON_SECONDS = 120


def connect() -> docker.DockerClient:
    """This process's connection to the daemon. Containers of killed processes are removed first.

    Raises:
        SandboxUnavailable: No daemon answers; says how to start one.
    """
    try:
        return _client(os.environ.get("DOCKER_HOST", ""), os.getpid())
    except (DockerException, OSError) as error:
        raise unreachable(error) from None


def unreachable(error: Exception) -> SandboxUnavailable:
    """The error for a daemon that does not answer; says how to start one."""
    where = os.environ.get("DOCKER_HOST") or _DEFAULT_HOST
    advice = (
        "Start it (Linux: `sudo systemctl start docker`, without systemd `sudo dockerd`; macOS and "
        "Windows: start Docker Desktop), or set DOCKER_HOST to a daemon that runs."
    )
    if isinstance(error, PermissionError):
        advice = "Join the group `docker` (`sudo usermod -aG docker $USER`) and log in again."
    return SandboxUnavailable(
        f"Docker is not running: no daemon answers at {where} ({first_line(error)}). {advice}"
    )


@functools.lru_cache(maxsize=8)
def _client(host: str, _process: int) -> docker.DockerClient:
    """Connect. The cache is by process, because a forked child must not share connections."""
    address = host or _DEFAULT_HOST
    if address.startswith("unix://"):
        # The SDK's own error is a chain of five, and it leaks the socket.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(address.removeprefix("unix://"))
    client = docker.from_env(timeout=_DAEMON_SECONDS)
    client.ping()
    _remove_strays(client)
    return client


@functools.lru_cache(maxsize=8)
def information(client: docker.DockerClient) -> dict[str, Any]:
    """What the daemon says of itself and its machine."""
    return dict(client.info())


def _remove_strays(client: docker.DockerClient) -> None:
    """Remove containers that a process killed between creating and starting them left behind."""
    found = client.api.containers(all=True, filters={"label": f"{MACHINE_LABEL}={machine()}"})
    for container in found:
        if not _alive(container["Labels"].get(OWNER_LABEL, "")):
            remove(client, container["Id"])


def machine() -> str:
    """A name for the space of process ids in which this process is."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def identity(pid: int) -> str:
    """A process's pid and, if /proc has it, its start time, because pids are reused."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return f"{pid}/{fields[19].decode()}"
    except OSError:
        return f"{pid}/"


def _alive(owner: str) -> bool:
    pid = owner.partition("/")[0]
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return identity(int(pid)) == owner


def remove(client: docker.DockerClient, container: str) -> None:
    """End and remove a container; returns when it is gone."""
    try:
        client.api.remove_container(container, v=True, force=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != 409:
            raise
    # Its first process ended by itself, and the daemon is already removing it.
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            client.api.inspect_container(container)
        except NotFound:
            return
        time.sleep(0.01)


def first_line(error: BaseException) -> str:
    """An error's text without the SDK's wrapping and without its later lines."""
    text = getattr(error, "explanation", None) or error
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return (text.strip().splitlines() or [type(error).__name__])[0].rstrip(".")
