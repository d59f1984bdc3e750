"""The zygote's loop: it imports once, then gives each connection of a sandbox to a fork."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module, invalidate_caches
from importlib.machinery import PathFinder
from typing import Any

from ..shared.system_calls import PR_SET_DUMPABLE, PR_SET_NAME, libc, prctl
from .become_program import Template
from .enter_sandbox import Place
from .spare import Lifecycle, Spare
from .warm_up import exercise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared.zygote_messages import Order, Serve

MESSAGE = 1 << 16
MOST_KEEPERS = 64
"""How many programs of one sandbox may be warm at the same time; others start interpreters."""
BURST, A_SECOND = 64.0, 100.0
"""How many programs one sandbox may start at once, and in each second after that: no sandbox may
keep the zygote from serving the others."""
REAP_MILLISECONDS = 200
REPORT_SIZE = 24
"""Bytes of a report of ``keeper.c``."""
SPARES = 1
MOST_LOST = 20
"""How many spares may die while they wait. If they can't live here, every program is cold."""


class ServedSandbox:
    """One sandbox: where its shims call, and how to enter it."""

    def __init__(
        self, id: int, place: Place, listener: socket.socket, namespaces: int, usage: int
    ) -> None:
        self.id, self.place, self.listener = id, place, listener
        self.namespaces, self.usage = namespaces, usage
        self.keepers: set[int] = set()
        self._allowance, self._counted = BURST, time.monotonic()

    def may_start(self) -> bool:
        """Whether it may start another program now."""
        now = time.monotonic()
        self._allowance = min(BURST, self._allowance + (now - self._counted) * A_SECOND)
        self._counted = now
        if self._allowance < 1 or len(self.keepers) >= MOST_KEEPERS:
            return False
        self._allowance -= 1
        return True

    def close(self) -> None:
        """Forget it, and end its keepers, which would hold the sandbox's mounts."""
        for pid in self.keepers:  # none has been reaped, so no number was given to another process
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.listener.close()
        os.close(self.namespaces)
        os.close(self.usage)


class Zygote:
    """Serves sandboxes on behalf of a launcher or a runner, until that is gone."""

    def __init__(self, control: socket.socket, lifecycle: Lifecycle) -> None:
        self._control, self._lifecycle = control, lifecycle
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 1 << 19), most))
        with contextlib.suppress(OSError):  # a runner's commands don't inherit a host's nice value
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        self._sandboxes: dict[int, ServedSandbox] = {}
        self._spares: list[Spare] = []
        self._lost = 0
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> None:
        """Wait for orders and for shims. What a sandbox sends is read by the forks only."""
        prctl(PR_SET_DUMPABLE, 0)  # inside a sandbox, agents must not write its memory
        while True:
            self._fork_ahead()
            some_run = any(sandbox.keepers for sandbox in self._sandboxes.values())
            for descriptor, _ in self._poll.poll(REAP_MILLISECONDS if some_run else None):
                if descriptor == self._control.fileno():
                    if not self._obey():
                        return
                elif descriptor in self._sandboxes:  # an order just now may have been to forget it
                    self._accept(self._sandboxes[descriptor])
            self._reap()

    def _obey(self) -> bool:
        """Add or forget a sandbox; False when the launcher is gone."""
        message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE, 3)
        if not message:
            for sandbox in self._sandboxes.values():
                sandbox.close()
            return False
        order: Order = json.loads(message)
        if "forget" in order:
            self._forget(order["forget"])
        else:
            self._serve(order, *descriptors)
        return True

    def _serve(self, order: Serve, listener: int, namespaces: int, usage: int) -> None:
        """Begin to serve the programs of a sandbox."""
        place = Place(
            order["uid"],
            tuple(order["groups"]),
            order["processes"],
            tuple(order.get("limits", ())),
            order.get("inside", False),
        )
        if place.inside:
            self._lifecycle.take_name()
        sandbox = ServedSandbox(
            order["id"], place, socket.socket(fileno=listener), namespaces, usage
        )
        sandbox.listener.listen(MOST_KEEPERS)
        sandbox.listener.setblocking(False)
        self._sandboxes[listener] = sandbox
        # An empty report means that from now on programs are warm. No sandbox may keep others
        # waiting by a full line.
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(usage)) as line:
            line.send(bytes(REPORT_SIZE), socket.MSG_DONTWAIT)
        self._poll.register(listener, select.POLLIN)

    def _forget(self, id: int) -> None:
        for descriptor, sandbox in list(self._sandboxes.items()):
            if sandbox.id == id:
                self._poll.unregister(descriptor)
                self._sandboxes.pop(descriptor).close()

    def _accept(self, sandbox: ServedSandbox) -> None:
        try:
            connection, _ = sandbox.listener.accept()
        except OSError:
            return
        with connection:
            if not sandbox.may_start():
                return
            self._fork_ahead()
            while self._spares:
                spare = self._spares.pop(0)
                if spare.assign(sandbox.place, connection, sandbox.namespaces, sandbox.usage):
                    sandbox.keepers.add(spare.pid)
                    return

    def _fork_ahead(self) -> None:
        """Keep a spare ready, which saves the next program the time of a fork."""
        while len(self._spares) < SPARES and self._lost < MOST_LOST:
            try:
                self._spares.append(Spare(self._lifecycle))
            except OSError:
                return

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            waiting = [spare for spare in self._spares if spare.pid != pid]
            self._lost += len(self._spares) - len(waiting)
            self._spares = waiting
            for sandbox in self._sandboxes.values():
                sandbox.keepers.discard(pid)


class ShownOnly:
    """Hides modules that sandboxes don't show from the zygote, which runs outside them.

    Args:
        packages: Package folder to the folder that holds what is shown of it.
    """

    def __init__(self, packages: Mapping[str, str]) -> None:
        self._packages = packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Leave the search to the next finder, or end it for a module that is hidden."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is None:
            return
        places = [spec.origin] if spec.has_location else spec.submodule_search_locations
        if not any(self._shows(str(place)) for place in places or ()):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def _shows(self, place: str) -> bool:
        for site, folder in self._packages.items():
            if place.startswith(f"{site}/"):
                return os.path.exists(folder + place[len(site) :])
        return True


def _undo_path_files(packages: Mapping[str, str]) -> None:
    """Undo the effects of ``.pth`` files in package folders, which sandboxes don't show.

    Args:
        packages: As for :class:`ShownOnly`; empty where the sandbox shows the folders themselves.
    """
    if not packages:
        return
    own = (f"{sys.base_prefix}/", f"{sys.base_exec_prefix}/")
    sites = tuple(f"{site}/" for site in packages)
    sys.path[:] = [
        place for place in sys.path
        if place in packages or (place.startswith(own) and "-packages" not in place)
    ]  # fmt: skip
    sys.meta_path[:] = [each for each in sys.meta_path if each.__module__ in _IMPORT_SYSTEM]
    sys.path_hooks[:] = [each for each in sys.path_hooks if each.__module__ in _IMPORT_SYSTEM]
    for name, module in list(sys.modules.items()):
        ours = name == "__main__"  # lies in a package folder too, where mle-gym is installed in one
        if not ours and (getattr(module, "__file__", None) or "").startswith(sites):
            del sys.modules[name]


_IMPORT_SYSTEM = ("_frozen_importlib", "_frozen_importlib_external", "zipimport")


def _preload(names: Sequence[str], folders: Sequence[str], packages: Mapping[str, str]) -> None:
    """Import and use what sandboxes show, only from the agent's installation, without writing."""
    places = list(sys.path)
    sys.path[:] = [place for place in places if place.startswith(tuple(folders))]
    finder = ShownOnly(packages)
    sys.meta_path.insert(0, finder)
    sys.dont_write_bytecode = True
    for name in names:
        try:
            import_module(name)
        except Exception:  # a program that imports it sees why
            continue
    exercise()
    sys.dont_write_bytecode = False
    sys.meta_path.remove(finder)
    sys.path[:] = places
    sys.path_importer_cache.clear()
    invalidate_caches()  # of what is installed, too


def _thread_pools() -> list[Any]:
    """Controllers of the loaded libraries' threads, where threadpoolctl is installed."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return []
    return list(ThreadpoolController().lib_controllers)


def main(arguments: list[str], at_start: set[str]) -> None:
    """Import, then serve.

    Args:
        arguments: The paths of the C files, compiled: the library and the keeper; as JSON, the
            modules to import, the folders they may come from, and what sandboxes show of package
            folders; the sandboxes' filter of system calls in hexadecimal; and the descriptor of
            the launcher's socket.
        at_start: The names of modules that every interpreter has.
    """
    library, keeper, names, folders, packages, system_calls, control = arguments
    # Agents may see it: what kills every `python` must not kill this.
    libc.prctl(PR_SET_NAME, b"zygote", 0, 0, 0)
    # A program may have a module of that name, which it must find.
    for name in [name for name in sys.modules if name.partition(".")[0] == "standalone"]:
        del sys.modules[name]
    environment = dict(os.environb)  # before libraries add to it
    shown = json.loads(packages)
    _undo_path_files(shown)
    _preload(json.loads(names), json.loads(folders), shown)
    template = Template(library, _thread_pools())
    preloaded = {name.partition(".")[0] for name in set(sys.modules) - at_start}
    tools = template, os.open(keeper, os.O_PATH | os.O_CLOEXEC), bytes.fromhex(system_calls)
    lifecycle = Lifecycle(*tools, environment, preloaded)
    gc.collect()
    gc.freeze()
    Zygote(socket.socket(fileno=int(control)), lifecycle).serve()
