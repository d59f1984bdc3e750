"""How a sandbox shows a Python installation, as arguments of ``bwrap``.

Every reset asks for it. What a package manager or a person may change meanwhile is looked at each
time; what follows from that is kept.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from mle_gym.sandbox.bubblewrap.shown_folders import below, mounted, system_entries
from mle_gym.sandbox.installation.python_installation import PythonInstallation, is_below
from mle_gym.sandbox.installation.python_layout import PLACE, Layout, layout_of, rewritten_files
from mle_gym.sandbox.sandbox_config import PRELOAD, SandboxConfig
from mle_gym.sandbox.standalone.shared.launcher_messages import Argument, Entry
from mle_gym.sandbox.standalone.start_commands import FOLDER, SANDBOX_PARTS
from mle_gym.sandbox.warm.compiled_programs import programs
from mle_gym.sandbox.warm.zygote_plan import Shown as WarmShown
from mle_gym.sandbox.warm.zygote_plan import WarmPython, warm_python

__all__ = ["SHIMS", "STANDALONE", "PythonMounts", "python_mounts"]

_OURS = f"{PLACE}/mle-gym"
SHIMS = f"{_OURS}/bin"
STANDALONE = f"{_OURS}/standalone"
_USR = Path("/usr")
_CODE = (".py", ".pyc", ".pth", *EXTENSION_SUFFIXES)
Pairs = tuple[tuple[Path, Path], ...]
Masks = tuple[tuple[Path, str], ...]


@dataclass(frozen=True)
class PythonMounts:
    """What shows the system, the interpreter and our own programs.

    It is shared, so nobody may change it.
    """

    arguments: list[Argument]
    warm: WarmPython | None


def python_mounts(
    python: PythonInstallation,
    layout: Layout,
    packages: Mapping[Path, Path],
    config: SandboxConfig,
    environment: Mapping[str, str],
    trees: bool,
) -> PythonMounts:
    """Show an installation in a sandbox.

    Args:
        python: What is offered to the agent.
        layout: Where to show it.
        packages: What is shown at each package folder instead of it.
        config: The sandbox's configuration.
        environment: The variables with which its commands start.
        trees: Whether the launcher can put folders together.

    Raises:
        SandboxUnavailable: The cache can't be written.
        CacheError: The cache belongs to somebody else.
    """
    # A hidden path may have been seen from inside, and so be named as it is there.
    seen = layout_of(python)
    hidden = tuple(str(seen.on_host(Path(path))) for path in config.hidden)
    laid_over = {**rewritten_files(python, layout), **packages}
    return _python_mounts(
        python,
        layout,
        tuple(laid_over.items()),
        tuple(packages.items()),
        python.masked(hidden, packages),
        trees,
        config.network,
        config.preload if config.warm else None,
        tuple(environment.items()),
        programs() if config.warm else None,
    )


@functools.lru_cache(maxsize=64)
def _python_mounts(
    python: PythonInstallation,
    layout: Layout,
    laid_over: Pairs,
    packages: Pairs,
    masks: Masks,
    trees: bool,
    network: bool,
    preload: tuple[str, ...] | None,
    environment: tuple[tuple[str, str], ...],
    _programs: tuple[Path, ...] | None,
) -> PythonMounts:
    entries = _entries(python, layout, laid_over, masks)
    warm = None
    if preload is not None:
        # What others import may read data meanwhile, which their programs would then have.
        seen = [each for each in entries if set(preload) - set(PRELOAD) or not _masks_data(each)]
        shown = _shown_to_zygotes(python, dict(packages), layout, seen)
        warm = warm_python(python, shown, preload, dict(environment))
    entries += [
        {"source": str(FOLDER / part), "target": f"{STANDALONE}/{part}"} for part in SANDBOX_PARTS
    ]
    if warm:
        entries += [*_shim_entries(warm), *_beside_shims(python, layout)]
    return PythonMounts(mounted([*system_entries(network), *entries], trees), warm)


def _entries(
    python: PythonInstallation, layout: Layout, laid_over: Pairs, masks: Masks
) -> list[Entry]:
    """The interpreter's folders; what is laid over parts of them is deeper, and so comes later."""
    shown = {folder: folder for folder in python.folders if not is_below(folder, _USR)}
    shown.pop(_USR, None)
    entries: list[Entry] = [
        {"target": str(layout(path)), "source": str(source)}
        for path, source in (*shown.items(), *laid_over)
    ]
    for path, kind in masks:
        if any(path == folder or is_below(path, folder) for folder in (_USR, *python.folders)):
            entries.append({"target": str(layout(path)), "mask": kind})
    return sorted(entries, key=lambda entry: entry["target"].count("/"))


def _shown_to_zygotes(
    python: PythonInstallation,
    packages: Mapping[Path, Path],
    layout: Layout,
    entries: list[Entry],
) -> WarmShown:
    """How an installation looks to a zygote: as in the sandbox, if it is shown elsewhere there.

    A package folder that stays where it is looks as it does on the host. Then a folder beside it
    holds what the sandbox shows of it.
    """
    if not layout.places:
        return WarmShown(python.executable, _folders(python, layout), packages)
    own = [entry for entry in entries if is_below(Path(entry["target"]), PLACE)]
    known: dict[Path, Path] = {}
    for number, (site, folder) in enumerate(packages.items()):
        known[layout(site)] = layout(site)
        if not layout.moves(site):
            known[site] = Path(f"{_OURS}/packages/{number}")
            own.append({"target": str(known[site]), "source": str(folder)})
    tree = below(PLACE, own)
    return WarmShown(layout(python.executable), _folders(python, layout), known, tree)


def _masks_data(entry: Entry) -> bool:
    """Whether it hides a file that is no code.

    A zygote that imports the usual modules reads no such file, and the programs that it becomes see
    their sandbox's files. So it needs none of these masks, and the sandboxes of all tasks share it.
    """
    path = Path(entry["target"])
    return entry.get("mask") == "file" and not path.name.endswith(_CODE)


def _folders(python: PythonInstallation, layout: Layout) -> tuple[Path, ...]:
    return tuple(map(layout, (*python.folders, *python.site_packages)))


def _shim_entries(warm: WarmPython) -> list[Entry]:
    """What will be ``python`` on the ``PATH``, under each name of the interpreter."""
    first, *others = warm.names
    links = {f"{SHIMS}/{name}": first for name in others}
    links[f"{_OURS}/interpreter"] = str(warm.executable)
    entries: list[Entry] = [{"target": target, "link": link} for target, link in links.items()]
    return [{"target": f"{SHIMS}/{first}", "source": str(warm.shim)}, *entries]


def _beside_shims(python: PythonInstallation, layout: Layout) -> Iterator[Entry]:
    """What an interpreter needs that was started by a bare name and takes the shim for itself.

    An interpreter that is shown where it is on the host finds its folders without this.
    """
    prefix = python.executable.parent.parent
    for name in ("lib", "pyvenv.cfg"):
        if layout.places and (prefix / name).exists():
            yield {"target": f"{_OURS}/{name}", "link": str(layout(prefix / name))}
