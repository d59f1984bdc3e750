"""A fork of the zygote, made ahead of time. It waits for a sandbox and becomes a program in it."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys

from ..shared.descriptors import close_all_but
from ..shared.system_calls import PR_SET_PDEATHSIG, prctl
from . import accept_request
from .become_program import Template
from .enter_sandbox import Place, enter, own_namespaces

MESSAGE = 1 << 16
DESCRIPTORS_END = 1 << 20
"""Higher than the number of any descriptor that the zygote may have."""


class Lifecycle:
    """What a spare does from fork to program.

    Args:
        template: Turns it into a program.
        keeper: The descriptor of ``keeper.c``, compiled.
        system_calls: The sandboxes' filter; empty for none.
        environment: The zygote's variables.
        preloaded: Names of the top-level modules that a new interpreter would not have.
    """

    def __init__(
        self,
        template: Template,
        keeper: int,
        system_calls: bytes,
        environment: dict[bytes, bytes],
        preloaded: set[str],
    ) -> None:
        self._template, self._keeper = template, keeper
        self._system_calls = system_calls
        self._environment, self._preloaded = environment, preloaded
        self._namespaces = own_namespaces()
        self._umask = os.umask(0)
        os.umask(self._umask)
        self._open_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._is_seen = False

    def take_name(self) -> None:
        """Show a name to agents that no word of a program's command line matches."""
        self._is_seen = True
        self._template.show_command_line([b"zygote"])

    def live(self, line: socket.socket) -> None:
        """Run the child: wait for an order, enter the sandbox and become the program."""
        signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        close_all_but((line.fileno(), self._keeper), DESCRIPTORS_END)
        self._rehearse()
        if self._is_seen:
            self.take_name()
        order, descriptors, _, _ = socket.recv_fds(line, MESSAGE, 3)
        if len(descriptors) != 3:
            return  # the zygote is gone
        connection, namespaces, usage = descriptors
        prctl(PR_SET_PDEATHSIG, 0)
        line.close()
        place = Place(**json.loads(order))
        resource.setrlimit(resource.RLIMIT_NOFILE, self._open_files)
        enter(place, namespaces, self._namespaces, self._system_calls)
        os.close(namespaces)
        self._start(connection, usage)

    def _rehearse(self) -> None:
        own = accept_request.Request(
            arguments=(b"python", b"-"),
            variables=tuple(name + b"=" + value for name, value in self._environment.items()),
            descriptors=(0, 1, 2),
            umask=self._umask,
            nice=os.getpriority(os.PRIO_PROCESS, 0),
            parent=0,
            ignored=0,
            blocked=(1 << 64) - 1,
            limits=_limits(),
            processors=sum(1 << n for n in os.sched_getaffinity(0)).to_bytes(128, sys.byteorder),
        )
        self._template.rehearse(own, self._understand(own))

    def _understand(self, request: accept_request.Request) -> accept_request.Command:
        return accept_request.understand(request, self._environment, _limits(), self._preloaded)

    def _start(self, descriptor: int, usage: int) -> None:
        """In the sandbox, leave the keeper behind, read the request and become the program."""
        line, keepers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._template.hand_over(self._keeper, descriptor, usage, keepers.fileno())
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        close_all_but((descriptor, line.fileno()), DESCRIPTORS_END)
        connection = socket.socket(fileno=descriptor)
        request = accept_request.receive(connection)
        os.fchdir(request.descriptors[3])
        command = self._understand(request)
        connection.sendall(b"S")
        if connection.recv(1) == b"G" and line.recv(1) and line.send(b"G"):
            self._template.play(request, command)


class Spare:
    """A spare as the zygote sees it."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        """Fork.

        Raises:
            OSError: There are too many processes, or too little memory.
        """
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.pid = os.fork()
            if self.pid == 0:
                try:
                    lifecycle.live(theirs)
                except (accept_request.Refusal, OSError):
                    pass  # the shim notices and executes the interpreter
                finally:
                    os._exit(0)

    def assign(self, place: Place, connection: socket.socket, namespaces: int, usage: int) -> bool:
        """Send it to a sandbox where a shim has called; False if it is gone."""
        with self._line:
            try:
                descriptors = (connection.fileno(), namespaces, usage)
                socket.send_fds(self._line, [json.dumps(vars(place)).encode()], descriptors)
            except OSError:
                return False
            return True


def _limits() -> tuple[tuple[int, int], ...]:
    """The limits as the kernel counts them: Python's infinity is -1."""
    limits = [resource.getrlimit(number) for number in range(16)]
    return tuple((soft % (1 << 64), hard % (1 << 64)) for soft, hard in limits)
