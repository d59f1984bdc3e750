"""What a bubblewrap sandbox's file system and namespaces look like, as arguments of ``bwrap``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox.installation.python_installation import (
    PythonInstallation,
    is_below,
)
from mle_gym.sandbox.layout import PLACE, Layout, layout_of, rewritten_files
from mle_gym.sandbox.protocol import SandboxConfig
from mle_gym.sandbox.seccomp import filter_program
from mle_gym.sandbox.warm.plan import Shown as WarmShown
from mle_gym.sandbox.warm.plan import WarmPython

__all__ = [
    "RUNNER_PARENT",
    "RUN_FOLDER",
    "RUN_FOLDER_MB",
    "SHIMS",
    "WORKSPACE",
    "beside_shims",
    "bwrap_arguments",
    "data_mounts",
    "mounted",
    "overlay",
    "python_arguments",
    "shim_entries",
    "shown_to_zygotes",
]

WORKSPACE = "/workspace"
RUN_FOLDER = "/run/mle-gym"
RUNNER_PARENT = f"{PLACE}/mle-gym"
RUN_FOLDER_MB = 40
SHIMS = f"{RUNNER_PARENT}/bin"
_USR = Path("/usr")
_SYSTEM_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "ssl", "magic")
_ETC_NETWORK = ("resolv.conf", "hosts", "nsswitch.conf", "gai.conf", "services", "protocols")
Argument = str | dict[str, Any]
Entry = dict[str, Any]
"""Something of a tree, as ``launcher/trees.py`` has it, but that its target is a whole path."""


def bwrap_arguments(config: SandboxConfig, python: list[Argument]) -> list[Argument]:
    """What the sandbox's file system and namespaces look like.

    Args:
        config: The sandbox's.
        python: What shows the interpreter and our own programs.
    """
    disk = str(config.limits.disk_mb << 20)
    stack = overlay(config)
    shared_memory = str((config.limits.memory_mb << 20) // 2)
    return [
        "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
        *([] if config.network else ["--unshare-net"]),
        "--disable-userns", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox",
        "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL", "--clearenv",
        *_system_calls(), *_system(config.network),
        "--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys",
        "--dev", "/dev", *_gpus(config.gpus),
        "--size", shared_memory, "--tmpfs", "/dev/shm", "--remount-ro", "/dev",
        *(["--bind", {"stack": stack["point"]}, WORKSPACE] if stack
          else ["--size", disk, "--tmpfs", WORKSPACE]),
        "--size", disk, "--perms", "1777", "--tmpfs", "/tmp",
        "--size", str(RUN_FOLDER_MB << 20), "--tmpfs", RUN_FOLDER,
        *python,  # after the tmpfs mounts: an environment may lie below /tmp
    ]  # fmt: skip


def data_mounts(config: SandboxConfig) -> Iterator[Argument]:
    """What shows the folders that the caller hands in, read-only below the workspace."""
    for mount in config.mounts:
        yield from ("--ro-bind", {"source": str(mount.source)}, f"{WORKSPACE}/{mount.target}")


def shim_entries(warm: WarmPython) -> list[Entry]:
    """What will be ``python`` on the ``PATH``, by each name that the interpreter has."""
    first, *others = warm.names
    links = {f"{SHIMS}/{name}": first for name in others}
    links[f"{RUNNER_PARENT}/interpreter"] = str(warm.executable)
    entries = [{"target": target, "link": link} for target, link in links.items()]
    return [{"target": f"{SHIMS}/{first}", "source": str(warm.shim)}, *entries]


def beside_shims(python: PythonInstallation, layout: Layout) -> Iterator[Entry]:
    """What an interpreter needs that was told a bare name, and takes a shim for itself.

    Where it is shown as the host has it, it knows its folders by heart.
    """
    prefix = python.executable.parent.parent
    for name in ("lib", "pyvenv.cfg"):
        if layout.places and (prefix / name).exists():
            yield {"target": f"{RUNNER_PARENT}/{name}", "link": str(layout(prefix / name))}


def _system_calls() -> list[Argument]:
    """The filter, on machines whose calls are known; ``mle-gym doctor`` tells of others."""
    program = filter_program()
    return ["--seccomp", {"bytes": program.hex()}] if program else []


def _system(network: bool) -> list[Argument]:
    """The host's programs and libraries, and just enough of /etc."""
    arguments: list[Argument] = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM_LINKS:
        path = Path(name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            arguments += ["--ro-bind", name, name]
    for name in _ETC + (_ETC_NETWORK if network else ()):
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    users = "root:x:0:0::/root:/bin/sh\nagent:x:1000:1000::/tmp:/bin/bash\n"
    arguments += ["--ro-bind-data", {"text": users}, "/etc/passwd"]
    return [*arguments, "--ro-bind-data", {"text": "root:x:0:\nagent:x:1000:\n"}, "/etc/group"]


def python_arguments(
    python: PythonInstallation,
    hidden: tuple[str, ...],
    packages: Mapping[Path, Path],
    layout: Layout,
) -> list[Entry]:
    """The interpreter's folders; deeper and therefore later, what is laid over parts of them."""
    shown = {folder: folder for folder in python.folders if not is_below(folder, _USR)}
    shown.pop(_USR, None)
    laid_over = {**rewritten_files(python, layout), **packages}
    entries: list[Entry] = [
        {"target": str(layout(path)), "source": str(source)}
        for path, source in (*shown.items(), *laid_over.items())
    ]
    # Places that an earlier sandbox showed are known by their names there.
    seen = layout_of(python)
    for path in python.masked(tuple(str(seen.on_host(Path(p))) for p in hidden), packages):
        if any(path == folder or is_below(path, folder) for folder in (_USR, *python.folders)):
            is_folder = path.is_dir()
            entries.append({"target": str(layout(path)), "mask": "folder" if is_folder else "file"})
    return sorted(entries, key=lambda entry: entry["target"].count("/"))


def mounted(entries: list[Entry], trees: bool) -> list[Argument]:
    """What shows these entries: as one tree what lies below its place, if trees can be made."""
    tree = [entry for entry in entries if trees and is_below(Path(entry["target"]), PLACE)]
    others = [argument for entry in entries if entry not in tree for argument in _alone(entry)]
    if tree:
        others += ["--ro-bind", {"tree": _below(tree)}, str(PLACE)]
    return others


def _below(entries: list[Entry]) -> list[Entry]:
    """The entries of a tree, by what they are called in it."""
    first = len(f"{PLACE}/")
    return [{**entry, "target": entry["target"][first:]} for entry in entries]


def _alone(entry: Entry) -> list[Argument]:
    """The arguments that show one entry."""
    target = entry["target"]
    if "link" in entry:
        return ["--symlink", entry["link"], target]
    if "source" in entry:
        return ["--ro-bind", {"source": entry["source"]}, target]
    if entry["mask"] == "folder":
        return ["--size", "4096", "--tmpfs", target, "--remount-ro", target]
    return ["--ro-bind-data", {"text": ""}, target]


def shown_to_zygotes(
    python: PythonInstallation,
    packages: Mapping[Path, Path],
    layout: Layout,
    entries: list[Entry],
) -> WarmShown:
    """How an installation looks to a zygote: as in the sandbox, where it is shown elsewhere.

    A package folder that stays where it is looks as it does on the host; then a folder beside it
    tells what the sandbox shows of it.
    """
    if not layout.places:
        return WarmShown(python.executable, _folders(python, layout), packages)
    own = [entry for entry in entries if is_below(Path(entry["target"]), PLACE)]
    known: dict[Path, Path] = {}
    for number, (site, folder) in enumerate(packages.items()):
        known[layout(site)] = layout(site)
        if not layout.moves(site):
            known[site] = Path(f"{RUNNER_PARENT}/packages/{number}")
            own.append({"target": str(known[site]), "source": str(folder)})
    tree = _below(own)
    return WarmShown(layout(python.executable), _folders(python, layout), known, tree)


def _folders(python: PythonInstallation, layout: Layout) -> tuple[Path, ...]:
    return tuple(map(layout, (*python.folders, *python.site_packages)))


def _gpus(gpus: tuple[str, ...]) -> list[Argument]:
    """NVIDIA's device files for the GPUs with these indices."""
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


def overlay(config: SandboxConfig) -> dict[str, Any] | None:
    """What the launcher is to stack for the workspace, with a sized tmpfs on top.

    Stacked, a changed file counts twice: a snapshot of more than half of the limit is sent into a
    plain tmpfs instead, where there is room to rewrite it.
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
