"""One container: its settings, its start and its end."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import docker
from docker.errors import DockerException, NotFound
from docker.types import DeviceRequest, DriverConfig, LogConfig, Mount, Ulimit

from mle_gym.errors import SandboxCrashed, SandboxUnavailable
from mle_gym.sandbox.docker.container_stream import AttachedStream
from mle_gym.sandbox.docker.container_user import create_container
from mle_gym.sandbox.docker.daemon import (
    MACHINE_LABEL,
    OWNER_LABEL,
    first_line,
    identity,
    information,
    machine,
    remove,
)
from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.sandbox_config import SandboxConfig
from mle_gym.sandbox.seccomp import docker_profile
from mle_gym.sandbox.standalone.launcher.control_groups import SOCKET_BYTES
from mle_gym.sandbox.standalone.launcher.kernel_count_limits import MOST_TERMINALS
from mle_gym.sandbox.standalone.start_commands import runner_command
from mle_gym.sandbox.verdict import Evidence
from mle_gym.sandbox.warm.in_containers import STANDALONE, ImagePython, own_mounts

__all__ = [
    "RUN_FOLDER",
    "WORKSPACE",
    "Container",
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
_END_SECONDS = 10.0
"""How long the daemon may take to notice that a container has ended."""
_FIRST = -20
"""The nice value of a runner, which must answer however busy the agent's processes are."""
_MEMORY_GROUPS, _SOCKET_LIMIT = "/sys/fs/cgroup/memory", "memory.kmem.tcp.limit_in_bytes"
_KILLED = str(128 + signal.SIGKILL)
"""The exit code of a killed container, as the daemon writes it."""

Masks = tuple[tuple[str, bool], ...]
"""Absolute paths to hide in an image, and whether each is a folder."""


class Container:
    """A container whose runner waits for the first word."""

    def __init__(
        self,
        client: docker.DockerClient,
        image: str,
        settings: dict[str, Any],
        gpus: tuple[str, ...],
    ) -> None:
        """Create and start one.

        The container takes input once: when this connection ends, even by ``kill -9``, the runner
        sees the end of its input and leaves, and the daemon removes the container.

        Args:
            client: Connected to the daemon that makes it.
            image: The image's id.
            settings: The result of :func:`container_settings`.
            gpus: The GPUs among the settings, which explain some failures.

        Raises:
            SandboxUnavailable: The daemon can't pass GPUs, or lacks the runtime.
            SandboxCrashed: It could not be started.
        """
        self._client = client
        self._made = int(time.time())
        with _explained(gpus, settings["runtime"]):
            self.id = create_container(client, image, settings)
            try:
                self.stream = self._start()
            except BaseException:
                with contextlib.suppress(DockerException, OSError):
                    remove(client, self.id)
                raise

    def _start(self) -> AttachedStream:
        """Attach first and start then, so that nothing that the runner says is lost."""
        attached = self._client.api.attach_socket(
            self.id, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        )
        stream = AttachedStream(attached, functools.partial(remove, self._client, self.id))
        try:
            self._client.api.start(self.id)
            if os.geteuid() == 0:
                self._set_as_root()
        except BaseException:
            stream.close()
            raise
        return stream

    def _set_as_root(self) -> None:
        """Set what only root may set, and only on the daemon's own machine.

        The runner gets precedence, which the processes that it starts don't inherit. Control groups
        of version 1 count what waits in sockets only if that has a limit, which the SDK can't set.
        """
        pid = int(self._state().get("Pid") or 0)
        ours = f"{os.sep}{self.id}"
        with contextlib.suppress(OSError):  # it has ended, or its pid means something else here
            groups = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8") if pid else ""
            if ours in groups:
                os.setpriority(os.PRIO_PROCESS, pid, _FIRST)
                for line in groups.splitlines():
                    _, names, path = line.split(":", 2)
                    if "memory" in names.split(","):
                        limit = Path(f"{_MEMORY_GROUPS}{path}/{_SOCKET_LIMIT}")
                        limit.write_text(str(SOCKET_BYTES), encoding="ascii")

    @property
    def open(self) -> bool:
        """Whether nobody has closed it."""
        return self.stream.open

    @property
    def untouched(self) -> bool:
        """Whether it is alive, and nothing has happened since it started."""
        return self.stream.open and self.stream.silent

    def abandon(self) -> None:
        """Let go of it without ending it, in a forked child."""
        self.stream.hang_up()

    def discard(self) -> None:
        """Close it without waiting."""
        self.stream.discard()

    def close(self) -> None:
        """End and remove it."""
        self.stream.close()

    def evidence(self, ended: bool) -> Evidence:
        """Report what the daemon sees of it.

        The daemon removes a container that has ended, but for a while it remembers what happened.

        Args:
            ended: Whether its stream has ended. Then the daemon soon knows how the container ended.
        """
        last, note = time.monotonic() + _END_SECONDS, self.stream.messages
        try:
            while True:
                state, happened = self._state(), self._happened()
                died = happened.get("die")
                if died or not ended or time.monotonic() > last:
                    break
                time.sleep(0.02)
        except (DockerException, OSError):
            return Evidence(note or "the daemon does not answer", supervised=False)
        error = str(state.get("Error") or "")
        return Evidence(
            "; ".join(text for text in (note, error) if text),
            killed=died is not None and died.get("exitCode") == _KILLED,
            stopped=bool(state.get("Paused")),
            own_memory=bool(state.get("OOMKilled")) or "oom" in happened,
        )

    def _state(self) -> dict[str, Any]:
        """The container's state; empty once it is removed."""
        with contextlib.suppress(NotFound):
            return dict(self._client.api.inspect_container(self.id)["State"])
        return {}

    def _happened(self) -> dict[str, dict[str, str]]:
        """Kind to attributes of the daemon's last event of this kind about this container."""
        until: Any = time.time()  # whole seconds would leave out the last events
        events = self._client.api.events(
            since=self._made, until=until, filters={"container": self.id}, decode=True
        )
        return {each["Action"]: each["Actor"].get("Attributes") or {} for each in events}


# ------------------------------------------------------------------------------ what it is made of


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


# ---------------------------------------------------------------------------------------- errors


@contextlib.contextmanager
def _explained(gpus: tuple[str, ...], runtime: str | None) -> Iterator[None]:
    """Turn the SDK's errors into ours, with advice where the cause is known."""
    try:
        yield
    except (DockerException, OSError) as error:
        text = first_line(error)
        if gpus and ("device driver" in text or "nvidia" in text.lower()):
            raise SandboxUnavailable(
                f"gpus={list(gpus)!r}: this Docker daemon can't pass GPUs on ({text}). "
                "Install the NVIDIA Container Toolkit and restart the daemon."
            ) from None
        if runtime and "runtime" in text:
            raise SandboxUnavailable(
                f"runtime={runtime!r}: this Docker daemon does not have it ({text}). "
                "Install it and name it in the daemon's settings; `docker info` lists what it has."
            ) from None
        if "bind source path does not exist" in text or "not shared" in text:
            text += ". The daemon must see this machine's files: use a local one"
        kind = "host_out_of_disk" if "no space left on device" in text else "sandbox_died"
        raise SandboxCrashed(f"the container could not be started: {text}", kind=kind) from None
