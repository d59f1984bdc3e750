"""The live interpreter as the runner sees it: a process that runs cells, and is not trusted.

It could forge only what is its own anyway: what its cells print, and their exit codes. Times,
memory and processor time are measured here. An answer counts for the cell that is running, by its
number, and anything else that the interpreter says ends it. Nothing that it does or leaves undone
makes the runner wait: sending never blocks, and answers have a largest size.
"""

from __future__ import annotations

import os

from ..shared.light_imports import dumps, loads, signal, socket
from .command_output import write_whole
from .processes import descendants, process_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .shell import Shell

LARGEST_INLINE = 1 << 16
"""Bytes of a longer cell go by file. The socket has room for one that is sent along."""
LARGEST_ANSWER = 256


class Interpreter:
    """A process that runs cells.

    Args:
        shell: Starts it where a command would start.
        script: What becomes the interpreter in that shell.
        run: The runner's own folder.

    Raises:
        OSError: It could not be started.
    """

    def __init__(self, shell: Shell, script: str, run: str) -> None:
        self._file = f"{run}/cell.py"
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.setblocking(False)
        self.pipe, self.write_end = os.pipe2(os.O_CLOEXEC)
        """The reading end takes what cells write; the other one is held so that it never ends."""
        os.set_blocking(self.pipe, False)
        self._cell = 0
        self._pid = 0
        self.hung_up = False
        """Whether it will not answer any more. It most often is about to end."""
        try:
            self.first = shell.start(script.encode(), self.write_end, theirs.fileno())
            """The process that was started: the interpreter, or the shim that stands for it."""
        except OSError:
            self.close()
            raise
        finally:
            theirs.close()

    @property
    def line(self) -> int:
        """The descriptor on which it answers; see :meth:`hear`."""
        return self._line.fileno()

    @property
    def processes(self) -> frozenset[int]:
        """The interpreter's own processes, without those that cells have started."""
        return frozenset((self.first, self._pid)) - {0}

    def send(self, source: bytes) -> None:
        """Have it run a cell.

        Raises:
            OSError: It doesn't take it, or there is no room.
        """
        self._cell += 1
        path = self._file if len(source) > LARGEST_INLINE else ""
        if path:
            write_whole(path, source)
        header = dumps({"cell": self._cell, "file": path}).encode()
        self._line.send(header + b"\n" + (b"" if path else source))

    def hear(self, cell_runs: bool) -> int | None:
        """Read an answer; returns the exit code with which the running cell ended, if it did.

        Raises:
            ValueError: It says what it has no reason to say.
        """
        try:
            message = self._line.recv(LARGEST_ANSWER)
            if not message:
                self.hung_up = True
                return None
            answer = loads(message)
            if not self._pid:
                self._learn_pid(answer["pid"])
                return None
            exit_code = answer["exit_code"]
            if cell_runs and answer["cell"] == self._cell and type(exit_code) is int:
                return exit_code & 0xFF
        except BlockingIOError:
            return None
        except (OSError, LookupError, TypeError, RecursionError):
            pass
        raise ValueError("not an answer")

    def _learn_pid(self, pid: object) -> None:
        """Note which process it is; nothing but the agent's own processes is ever signalled."""
        if type(pid) is not int or not _is_the_agents(pid):
            raise ValueError("not a process of the agent's")
        self._pid = pid

    def interrupt(self) -> None:
        """Interrupt what its cell is doing, with the processes that the cell has started.

        Raises:
            OSError: It is gone.
        """
        pid = self._pid if _is_the_agents(self._pid) else self.first
        group = os.getpgid(pid)
        if group > 1 and group != os.getpgrp():
            os.killpg(group, signal.SIGINT)
        else:
            os.kill(pid, signal.SIGINT)

    def kill(self) -> None:
        """End it. It still has to be reaped."""
        for pid in self.processes:
            try:
                if pid == self.first or _is_the_agents(pid):
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                continue

    def close(self) -> None:
        """Free what it needed."""
        self._line.close()
        os.close(self.pipe)
        os.close(self.write_end)


def _is_the_agents(pid: int) -> bool:
    """Whether a process runs below this one."""
    return pid in descendants(process_table())
