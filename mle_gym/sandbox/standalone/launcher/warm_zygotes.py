"""Warm Python: the processes that have libraries imported, and the sandboxes they serve."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
from collections import deque

from ..shared.kernel_files import children
from .merged_folders import Trees, show_tree
from .process_limits import OPEN_FILES, SANDBOX_LIMITS
from .receive import receive
from .sandbox_process import SandboxProcess, kill_with_children

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared.launcher_messages import ZygotePlan
    from ..shared.zygote_messages import Order, Serve

MOST_ZYGOTES = 20
"""Zygotes of one plan. If so many have died, the next one would die too."""


class Warm:
    """What one sandbox needs for warm Python."""

    def __init__(self, plan: ZygotePlan, processes: int) -> None:
        self.plan, self.processes = plan, processes
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        """A line to the runner, which sends the socket on which shims will call, and later receives
        what programs used."""
        self.listener: int | None = None
        """The shims' socket, kept for the next zygote in case this one dies."""
        self.zygote: Zygote | None = None

    def close(self) -> None:
        """Refuse shims from now on, unless a zygote has the socket too. Idempotent."""
        self.ours.close()
        self.theirs.close()
        if self.listener is not None:
            os.close(self.listener)
            self.listener = None


class Zygote:
    """A process that has imported what programs import; see the folder of that name.

    Args:
        plan: Its command, its environment, and the folders that it sees instead of the host's.
        poll: Where its socket is registered while orders wait. A zygote that is still importing
            reads no orders, and the kernel's buffer is too small for those of hundreds of
            sandboxes.
        trees: Puts these folders together.
    """

    def __init__(self, plan: ZygotePlan, poll: select.poll, trees: Trees | None = None) -> None:
        shown = [
            (trees(entries), place) for place, entries in plan.get("trees", {}).items() if trees
        ]
        self._poll = poll
        self._waiting: deque[tuple[bytes, list[int]]] = deque()
        """Orders that wait, with copies of the descriptors that go with them."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        self.alive = True
        self.pid = os.fork()
        if self.pid == 0:
            command = [*plan["command"], str(theirs.fileno())]
            self._become(command, theirs, plan["environment"], shown)
        theirs.close()

    def _become(
        self,
        command: list[str],
        control: socket.socket,
        variables: dict[str, str],
        shown: list[tuple[str, str]],
    ) -> None:
        try:
            for tree, place in shown:
                show_tree(tree, place)
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            control.set_inheritable(True)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_NOFILE, OPEN_FILES)
            os.setsid()
            os.chdir("/")
            os.execve(command[0], command, variables)
        finally:
            os._exit(127)

    @property
    def line(self) -> int:
        """The descriptor of the socket for orders."""
        return self._socket.fileno()

    def tell(self, order: Order, descriptors: tuple[int, ...] = ()) -> None:
        """Send an order, now or as soon as the zygote reads the ones before it."""
        if self.alive:
            self._waiting.append((json.dumps(order).encode(), [os.dup(d) for d in descriptors]))
            self.send()

    def send(self) -> None:
        """Send as many waiting orders as it reads now; drop them all if it is gone."""
        try:
            while self._waiting:
                order, descriptors = self._waiting[0]
                socket.send_fds(self._socket, [order], descriptors)
                self._drop_first()
        except BlockingIOError:
            self._poll.register(self._socket, select.POLLOUT)
            return
        except OSError:
            while self._waiting:
                self._drop_first()
        self._forget_socket()

    def _drop_first(self) -> None:
        for descriptor in self._waiting.popleft()[1]:
            os.close(descriptor)

    def _forget_socket(self) -> None:
        with contextlib.suppress(KeyError, ValueError):  # nothing had to wait
            self._poll.unregister(self._socket)

    def close(self) -> None:
        """Note that it died."""
        self.alive = False
        while self._waiting:
            self._drop_first()
        self._forget_socket()
        self._socket.close()


class Zygotes:
    """Brings sandboxes and zygotes together.

    Args:
        poll: Where the lines to runners that haven't called yet are registered. The owner of the
            loop passes ready ones to :meth:`hear`.
        trees: Puts together what zygotes see, where that is possible.
    """

    def __init__(self, poll: select.poll, trees: Trees | None) -> None:
        self._poll, self._trees = poll, trees
        self._made: dict[str, list[Zygote]] = {}
        self._guests: dict[int, tuple[SandboxProcess, Warm]] = {}

    def expect(self, sandbox: SandboxProcess, warm: Warm) -> None:
        """Have a zygote ready, and wait until the runner calls."""
        warm.theirs.close()
        warm.zygote = self._latest(warm.plan)
        self._guests[sandbox.pid] = sandbox, warm
        self._poll.register(warm.ours, select.POLLIN)

    def hear(self, line: int) -> None:
        """Handle a ready line: a zygote reads orders again, or a runner sends the shims' socket."""
        for zygote in self._all():
            if zygote.alive and zygote.line == line:
                zygote.send()
                return
        self._introduce(line)

    def _introduce(self, line: int) -> None:
        """Tell the zygote where the runner's sandbox is."""
        found = [guest for guest in self._guests.values() if guest[1].ours.fileno() == line]
        if not found:
            return
        sandbox, warm = found[0]
        self._poll.unregister(line)
        with contextlib.suppress(OSError, ValueError):  # the runner died
            _, (warm.listener,) = receive(warm.ours, 1)
        _describe(sandbox, warm)

    def dismiss(self, sandbox: SandboxProcess) -> None:
        """Note that a sandbox ended."""
        if sandbox.pid not in self._guests:
            return
        _, warm = self._guests.pop(sandbox.pid)
        self._forget_line(warm)
        if warm.zygote:
            warm.zygote.tell({"forget": sandbox.pid})

    def child_ended(self, pid: int) -> None:
        """Note that a child of this process died."""
        for zygote in self._all():
            if zygote.pid == pid:
                zygote.close()
                self._replace(zygote)

    def _replace(self, dead: Zygote) -> None:
        """Give its sandboxes the next one; programs that start before it is up wait for it."""
        for sandbox, warm in self._guests.values():
            if warm.zygote is dead:
                warm.zygote = self._latest(warm.plan)
                if warm.zygote.alive:
                    _describe(sandbox, warm)
                else:
                    self._forget_line(warm)

    def _latest(self, plan: ZygotePlan) -> Zygote:
        """The plan's zygote: a new one if the last one is dead, unless too many have died."""
        made = self._made.setdefault(json.dumps(plan, sort_keys=True), [])
        if not made or (not made[-1].alive and len(made) < MOST_ZYGOTES):
            made.append(Zygote(plan, self._poll, self._trees))
        return made[-1]

    def _forget_line(self, warm: Warm) -> None:
        """Stop answering shims on this line, so that they run the interpreter."""
        with contextlib.suppress(KeyError, ValueError):  # if the runner has called already
            self._poll.unregister(warm.ours)
        warm.close()

    def end(self) -> None:
        """Kill them all, with the keepers, which agents can stop; they still have to be reaped."""
        for zygote in self._all():
            if zygote.alive:
                kill_with_children(zygote.pid)

    def _all(self) -> list[Zygote]:
        return [zygote for made in self._made.values() for zygote in made]


def _describe(sandbox: SandboxProcess, warm: Warm) -> None:
    """Tell the zygote where a sandbox is, if the runner has called."""
    if warm.listener is None or warm.zygote is None:
        return
    with contextlib.suppress(OSError, IndexError):
        first = children(sandbox.pid)[0]
        namespaces = os.open(f"/proc/{first}/ns", os.O_PATH | os.O_CLOEXEC)
        order: Serve = {
            "id": sandbox.pid,
            "uid": sandbox.uid,
            "groups": sandbox.groups,
            "processes": warm.processes,
            "limits": [(number, *limits) for number, limits in SANDBOX_LIMITS.items()],
        }
        # bubblewrap has not been reaped and still has that child, so its pid was not reused.
        if first in children(sandbox.pid):
            warm.zygote.tell(order, (warm.listener, namespaces, warm.ours.fileno()))
        os.close(namespaces)
