"""What a bubblewrap sandbox's file system and namespaces look like, as arguments of ``bwrap``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox.sandbox_config import SandboxConfig
from mle_gym.sandbox.seccomp import filter_program
from mle_gym.sandbox.standalone.shared.launcher_messages import Argument, Overlay

__all__ = [
    "MEMORY_FOLDERS",
    "RUN_FOLDER",
    "RUN_FOLDER_MB",
    "WORKSPACE",
    "bwrap_arguments",
    "data_mounts",
    "overlay",
]

WORKSPACE = "/workspace"
RUN_FOLDER = "/run/mle-gym"
RUN_FOLDER_MB = 40
MEMORY_FOLDERS = (WORKSPACE, "/tmp", "/dev/shm")
"""The file systems in memory that an agent can write to, apart from the runner's own."""


def bwrap_arguments(config: SandboxConfig, folders: list[Argument]) -> list[Argument]:
    """Describe the sandbox's file system and namespaces.

    Args:
        config: The sandbox's configuration.
        folders: The arguments that show the system, the interpreter and our own programs.
    """
    disk = str(config.limits.disk_mb << 20)
    layers = overlay(config)
    shared_memory = str((config.limits.memory_mb << 20) // 2)
    return [
        "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
        *([] if config.network else ["--unshare-net"]),
        "--disable-userns", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox",
        "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL", "--clearenv",
        *_system_calls(),
        "--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys",
        "--dev", "/dev", *_gpus(config.gpus),
        "--size", shared_memory, "--tmpfs", "/dev/shm", "--remount-ro", "/dev",
        *(["--bind", {"overlay": layers["point"]}, WORKSPACE] if layers
          else ["--size", disk, "--tmpfs", WORKSPACE]),
        "--size", disk, "--perms", "1777", "--tmpfs", "/tmp",
        "--size", str(RUN_FOLDER_MB << 20), "--tmpfs", RUN_FOLDER,
        *folders,  # after the tmpfs mounts: an environment may lie below /tmp
    ]  # fmt: skip


def data_mounts(config: SandboxConfig, *, late: bool = False) -> Iterator[Argument]:
    """Show the caller's folders, read-only below the workspace.

    Args:
        config: Names them.
        late: Whether only their places are there at first.
    """
    for number, mount in enumerate(config.mounts):
        yield "--ro-bind"
        yield {"late": number} if late else {"source": str(mount.source)}
        yield f"{WORKSPACE}/{mount.target}"


def _system_calls() -> list[Argument]:
    """Install the filter, on machines whose calls are known; ``mle-gym doctor`` reports others."""
    program = filter_program()
    return ["--seccomp", {"bytes": program.hex()}] if program else []


def _gpus(gpus: tuple[str, ...]) -> list[Argument]:
    """Show NVIDIA's device files for the GPUs with these indices."""
    if not gpus:
        return []
    names = [f"nvidia{index}" for index in gpus] + ["nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"]
    missing = [name for name in names[:-1] if not Path("/dev", name).exists()]
    if missing:
        raise SandboxUnavailable(
            f"gpus={list(gpus)!r}: this machine has no /dev/{missing[0]}. The bubblewrap backend "
            "takes indices of NVIDIA GPUs ('0', '1'); `nvidia-smi -L` lists them."
        )
    return [part for name in names for part in ("--dev-bind-try", f"/dev/{name}", f"/dev/{name}")]


def overlay(config: SandboxConfig) -> Overlay | None:
    """Describe the layers that the launcher stacks for the workspace, with a sized tmpfs on top.

    In a stack, a changed file counts twice. So a snapshot of more than half of the limit is sent
    into a plain tmpfs instead, where there is room to rewrite it.
    """
    limit = config.limits.disk_mb << 20
    if not config.layers or config.layers_bytes > limit // 2:
        return None
    return {
        "point": str(config.layers[0].parents[1] / ".mount"),
        "layers": [str(layer) for layer in config.layers],
        "size": limit,
        "left": limit - config.layers_bytes,
    }
