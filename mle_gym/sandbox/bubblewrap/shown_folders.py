"""Shows folders of the host in a sandbox: as few mounts as possible, since each takes time.

After each mount, bubblewrap reads the list of all mounts. So what lies below one of :data:`PLACES`
is put together once by the launcher, if it can, and comes into each sandbox by a single mount.
"""

from __future__ import annotations

from pathlib import Path

from mle_gym.sandbox.installation.python_installation import is_below
from mle_gym.sandbox.installation.python_layout import PLACE
from mle_gym.sandbox.standalone.shared.launcher_messages import Argument, Entry

__all__ = ["below", "mounted", "system_entries"]

PLACES = (Path("/usr"), Path("/etc"), PLACE)
_SYSTEM_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "ssl", "magic")
_ETC_NETWORK = ("resolv.conf", "hosts", "nsswitch.conf", "gai.conf", "services", "protocols")
_USERS = "root:x:0:0::/root:/bin/sh\nagent:x:1000:1000::/tmp:/bin/bash\n"
_GROUPS = "root:x:0:\nagent:x:1000:\n"


def system_entries(network: bool) -> list[Entry]:
    """The host's programs and libraries, and just enough of /etc."""
    entries: list[Entry] = [{"target": "/usr", "source": "/usr"}]
    for name in _SYSTEM_LINKS:
        path = Path(name)
        if path.is_symlink():
            entries.append({"target": name, "link": str(path.readlink())})
        elif path.is_dir():
            entries.append({"target": name, "source": name})
    shown = [f"/etc/{name}" for name in _ETC + (_ETC_NETWORK if network else ())]
    entries += [{"target": path, "source": path} for path in shown if Path(path).exists()]
    texts: list[Entry] = [
        {"target": "/etc/passwd", "text": _USERS},
        {"target": "/etc/group", "text": _GROUPS},
    ]
    return entries + texts


def mounted(entries: list[Entry], trees: bool) -> list[Argument]:
    """The arguments of ``bwrap`` that show these entries, each after the ones that contain it.

    Args:
        entries: With absolute targets.
        trees: Whether the launcher can put folders together.
    """
    arguments: list[Argument] = []
    alone = entries
    for place in PLACES if trees else ():
        inside = [entry for entry in alone if _is_within(entry, place)]
        if inside:
            arguments += ["--ro-bind", {"tree": below(place, inside)}, str(place)]
        alone = [entry for entry in alone if not _is_within(entry, place)]
    return arguments + [argument for entry in alone for argument in _alone(entry)]


def _is_within(entry: Entry, place: Path) -> bool:
    target = Path(entry["target"])
    return target == place or is_below(target, place)


def below(place: Path, entries: list[Entry]) -> list[Entry]:
    """The entries of a tree that is shown at a place, with their paths in it."""
    first = len(f"{place}/")
    return [{**entry, "target": entry["target"][first:]} for entry in entries]


def _alone(entry: Entry) -> list[Argument]:
    """The arguments that show one entry."""
    target = entry["target"]
    if "link" in entry:
        return ["--symlink", entry["link"], target]
    if "source" in entry:
        return ["--ro-bind", {"source": entry["source"]}, target]
    if entry.get("mask") == "folder":
        return ["--size", "4096", "--tmpfs", target, "--remount-ro", target]
    return ["--ro-bind-data", {"text": entry.get("text", "")}, target]
