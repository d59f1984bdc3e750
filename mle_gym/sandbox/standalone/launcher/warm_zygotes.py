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
from .process_limits import OPEN_FILES, SANDBOX_LIMITS
from .receive import receive
from .sandbox_process import SandboxProcess
from .trees import Trees, show_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared.launcher_messages import ZygotePlan
    from ..shared.zygote_messages import Order, Serve

MOST_ZYGOTES = 20
"""Of one plan: what dies so often will not live any longer the next time."""


class Warm:
    """What a sandbox needs for warm Python."""

    def __init__(self, plan: ZygotePlan, processes: int) -> None:
        self.plan, self.processes = plan, processes
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        """A line to the runner, which sends the socket on which shims will call, and then hears
        what programs used."""
        self.listener: int | None = None
        """The shims' socket, kept for the zygote that will follow one that dies."""
        self.zygote: Zygote | None = None

    def close(self) -> None:
        """Idempotent. Shims are refused from now on, unless a zygote has the socket too."""
        self.ours.close()
        self.theirs.close()
        if self.listener is not None:
            os.close(self.listener)
            self.listener = None


class Zygote:
    """A process that has imported what programs import; see the folder of that name.

    Args:
        plan: Its command and its environment, and what it sees elsewhere than the host does.
        poll: Where it waits for orders to be taken: while it imports, it takes none, and what the
            kernel holds for it is too little for the orders of some hundred sandboxes.
        trees: What puts that together.
    """

    def __init__(self, plan: ZygotePlan, poll: select.poll, trees: Trees | None = None) -> None:
        shown = [
            (trees(entries), place) for place, entries in plan.get("trees", {}).items() if trees
        ]
        self._poll = poll
        self._waiting: deque[tuple[bytes, list[int]]] = deque()
        """Orders and their descriptors, which are copies of our own."""
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
        """Descriptor of the socket for orders."""
        return self._socket.fileno()

    def tell(self, order: Order, descriptors: tuple[int, ...] = ()) -> None:
        """Give an order, now or as soon as it can be taken, in turn."""
        if self.alive:
            self._waiting.append((json.dumps(order).encode(), [os.dup(d) for d in descriptors]))
            self.send()

    def send(self) -> None:
        """Send what it takes now; a zygote that is gone takes nothing more."""
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
        """It died."""
        self.alive = False
        while self._waiting:
            self._drop_first()
        self._forget_socket()
        self._socket.close()


class Zygotes:
    """Brings sandboxes and zygotes together.

    Args:
        poll: Where the lines to runners that are yet to call are registered; the owner of the
            loop passes what is ready to :meth:`hear`.
        trees: What puts together what zygotes see, where that can be done.
    """

    def __init__(self, poll: select.poll, trees: Trees | None) -> None:
        self._poll, self._trees = poll, trees
        self._made: dict[str, list[Zygote]] = {}
        self._guests: dict[int, tuple[SandboxProcess, Warm]] = {}

    def expect(self, sandbox: SandboxProcess, warm: Warm) -> None:
        """Have a zygote ready, and wait for the runner's word."""
        warm.theirs.close()
        warm.zygote = self._latest(warm.plan)
        self._guests[sandbox.pid] = sandbox, warm
        self._poll.register(warm.ours, select.POLLIN)

    def hear(self, line: int) -> None:
        """A zygote takes orders again, or a runner is up and sends the shims' socket."""
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
        """A sandbox ended."""
        if sandbox.pid not in self._guests:
            return
        _, warm = self._guests.pop(sandbox.pid)
        self._forget_line(warm)
        if warm.zygote:
            warm.zygote.tell({"forget": sandbox.pid})

    def child_ended(self, pid: int) -> None:
        """A child of this process died."""
        for zygote in self._all():
            if zygote.pid == pid:
                zygote.close()
                self._replace(zygote)

    def _replace(self, dead: Zygote) -> None:
        """Its sandboxes get the next one; programs that start before that is up wait for it."""
        for sandbox, warm in self._guests.values():
            if warm.zygote is dead:
                warm.zygote = self._latest(warm.plan)
                if warm.zygote.alive:
                    _describe(sandbox, warm)
                else:
                    self._forget_line(warm)

    def _latest(self, plan: ZygotePlan) -> Zygote:
        """The plan's zygote: a new one if the last is dead, unless too many are."""
        made = self._made.setdefault(json.dumps(plan, sort_keys=True), [])
        if not made or (not made[-1].alive and len(made) < MOST_ZYGOTES):
            made.append(Zygote(plan, self._poll, self._trees))
        return made[-1]

    def _forget_line(self, warm: Warm) -> None:
        """Shims get no answer on it any more, and run the interpreter."""
        with contextlib.suppress(KeyError, ValueError):  # if the runner has called already
            self._poll.unregister(warm.ours)
        warm.close()

    def end(self) -> None:
        """Kill all; they are yet to be reaped."""
        for zygote in self._all():
            if zygote.alive:
                os.kill(zygote.pid, signal.SIGKILL)

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
        # bubblewrap, not yet reaped, still has that child: the number was not used again.
        if first in children(sandbox.pid):
            warm.zygote.tell(order, (warm.listener, namespaces, warm.ours.fileno()))
        os.close(namespaces)
