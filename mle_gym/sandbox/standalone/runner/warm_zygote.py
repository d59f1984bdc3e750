"""A zygote inside the sandbox, for containers, which no process of ours can enter from outside."""

from __future__ import annotations

import os
import sys

from ..shared.light_imports import accept, dumps, signal, socket
from .processes import APART, is_alone
from .shell import DEFAULT_SIGNALS
from .shim_socket import Reports, WarmPython

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared.launcher_messages import ZygotePlan
    from ..shared.zygote_messages import Serve

MOST_CALLERS = 64
CALLS_IN_A_COMMAND = 2
MOST_FAILURES = 2
"""How often a zygote may die before it serves: after that, the next one would die too."""
MOST_STARTS = 20
LONGEST_START = 20.0
"""Seconds that an interpreter may take to start."""


class OwnZygote(WarmPython):
    """Offers warm Python by a zygote that agents can end, but not look into.

    A process that was just executed is open to all of its user's, the agent's programs included. So
    a zygote is executed only while none of them runs: at first, and again if it was killed. It then
    waits idly (``zygote/wait.py``) until Python is used. Until it serves, the runner listens for
    shims. It hangs up on them, so that they start the interpreter at once, and remembers that a
    zygote is wanted. Importing takes a second of processor time, which the agent's program should
    have. So the zygote imports when the command is over, or when the same command calls again.
    Once it serves, the runner no longer listens.

    Args:
        plan: The zygote's command and environment.
    """

    def __init__(self, plan: ZygotePlan) -> None:
        self._plan = plan
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._orders: socket.socket | None = None
        self._reports = Reports()
        self._pid = 0
        self._is_hidden = self._is_wanted = self._serves = False
        self._calls = self._starts = self._failures = 0

    def offer(self, path: str) -> None:
        """Listen until a zygote does."""
        self._listener.bind(path)
        self._listener.listen(MOST_CALLERS)
        self._listener.setblocking(False)

    def settle(self) -> None:
        """Wait until agents can't look into a zygote that was just executed, or end it."""
        if not self._orders or self._is_hidden:
            return
        try:
            self._orders.settimeout(LONGEST_START)
            self._is_hidden = self._orders.recv(1) != b""
            self._orders.settimeout(None)
        except OSError:  # it is too slow
            pass
        if not self._is_hidden:
            self._end()

    def used(self) -> tuple[float, int]:
        """What programs used; its first report only says that a zygote serves."""
        return self._reports.take() if self._serves else (0.0, 0)

    def descriptors(self) -> list[int]:
        """The lines on which a zygote reports, and the shims' socket until one serves."""
        own = [] if self._serves else [self._listener.fileno()]
        return [*own, *self._reports.descriptors()]

    def hear(self, descriptor: int) -> None:
        """Send a shim to the interpreter, or hear of the zygote, which serves at its first word."""
        if not self._serves and descriptor == self._listener.fileno():
            self._send_away()
        elif self._reports.hear():
            self._serves, self._failures = True, 0

    def rest(self) -> None:
        """Have the zygote import if one was wanted, now that no command needs the processor."""
        self._execute()
        if self._calls:
            self._start()

    def child_ended(self, pid: int) -> None:
        """Note that a child of the runner ended. If it was the zygote, Python is cold again."""
        if pid == self._pid:
            self._failures += not self._serves
            self._pid, self._is_wanted, self._serves = 0, False, False
            APART.discard(pid)
            self._reports.end()
            if self._orders:
                self._orders.close()
                self._orders = None
        self._execute()

    def _send_away(self) -> None:
        try:
            accept(self._listener).close()
        except OSError:
            return
        self._calls += 1
        if self._calls >= CALLS_IN_A_COMMAND:
            self._start()

    def _execute(self) -> None:
        """Execute a zygote if there is none, unless a program of the agent's runs."""
        if self._starts == MOST_STARTS or self._failures == MOST_FAILURES:
            return
        if self._pid or not is_alone():
            return
        self._starts += 1
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.set_inheritable(theirs.fileno(), True)
        try:
            self._pid = self._spawn(theirs.fileno())
        except OSError:
            self._orders.close()
            self._orders = None
            return
        finally:
            theirs.close()
        self._is_hidden = False
        APART.add(self._pid)

    def _start(self) -> None:
        """Have the idle zygote import and serve."""
        self.settle()
        self._calls = 0
        if not self._orders or self._is_wanted:
            return
        self._is_wanted = True
        line, report = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._reports.begin(line)
        order: Serve = {"id": 0, "uid": os.getuid(), "groups": [], "processes": 0, "inside": True}
        # An order requires the folder of namespaces to enter; here any folder will do.
        nowhere = os.open("/", os.O_PATH | os.O_CLOEXEC)
        numbers = (self._listener.fileno(), nowhere, report.fileno())
        descriptors = b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)
        try:
            self._orders.sendmsg([dumps(order).encode()], [rights])
        except OSError:
            # The agent killed it, or this user has too many descriptors in transit.
            self._end()
        os.close(nowhere)
        report.close()

    def _end(self) -> None:
        """Kill the zygote. Its end is noted when it is reaped."""
        os.kill(self._pid, signal.SIGKILL)

    def _spawn(self, control: int) -> int:
        """Start it outside the agent's folder, so that it imports nothing from there."""
        command = [*self._plan["command"], str(control), "wait"]
        here = os.open(".", os.O_PATH | os.O_CLOEXEC)
        os.chdir("/")
        try:
            return os.posix_spawn(
                command[0],
                command,
                self._plan["environment"],
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)
                ],
                setsid=True,
                setsigdef=DEFAULT_SIGNALS,
            )
        finally:
            os.fchdir(here)
            os.close(here)
