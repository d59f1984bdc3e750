"""One sandbox as the launcher sees it, from fork and exec to its end."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time

from ..shared.descriptors import close_all_but
from ..shared.kernel_files import children, is_halted, is_stopped, lines, write
from ..shared.system_calls import die_with, make_mounts_slaves
from .kernel_count_limits import bound, enter_namespaces
from .process_limits import SANDBOX_LIMITS
from .snapshot_overlay import mount_overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..shared.launcher_messages import Overlay, Seen

STOP_SECONDS = 1.0
FIRST = -20
"""The nice value of a process that answers however busy the others are; only root can set it."""
KILLED = 128 + signal.SIGKILL


class Launch:
    """How to start a sandbox.

    Args:
        command: bubblewrap and its arguments.
        stream: The descriptor that becomes its standard input and output.
        inherited: Other descriptors that it inherits.
        groups: Control groups to start in.
        uid: The user to whom it belongs; only root can choose another than its own.
        overlay: Arguments of :func:`mount_overlay`, if there is something to overlay.
        bounded: Whether :func:`bound` works here.
        places: Where folders can appear in it later.
    """

    def __init__(
        self,
        command: list[str],
        stream: int,
        inherited: list[int],
        groups: list[str],
        uid: int,
        overlay: Overlay | None,
        bounded: bool,
        places: list[str],
    ) -> None:
        self.bounded, self.places = bounded, places
        self.command, self.stream, self.inherited = command, stream, inherited
        self.groups, self.uid, self.overlay = groups, uid, overlay


class SandboxProcess:
    """One sandbox: the process that is bubblewrap, and what belongs to it."""

    def __init__(self, launch: Launch) -> None:
        """Fork, and execute bubblewrap."""
        self.uid, self.groups, self.places = launch.uid, launch.groups, launch.places
        self._messages = os.memfd_create("messages", os.MFD_CLOEXEC)
        self._kills = host_kills()
        self._found: Seen | None = None
        self.alive = True
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _become(launch, self._messages, parent)

    def kill(self) -> None:
        """End it, however far its start has got. It still has to be reaped.

        If bubblewrap dies early, its inner process waits forever to be released. So the inner
        process is killed first, by its pid, which can't be reused while its parent is stopped.
        """
        kill_with_children(self.pid)

    def has_ended(self, status: int) -> None:
        """Note that it ended by itself, with this status of ``waitpid``."""
        found = self.examine()
        # bubblewrap ends with 128 + signal if its first process was killed by one. Only the kernel
        # and the host can send that one SIGKILL, or bubblewrap itself any signal.
        by_signal = os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == KILLED
        found["killed"], found["running"] = by_signal, False
        self._found, self.alive = found, False

    def free(self) -> None:
        """Free what it needed while it lived. What :meth:`has_ended` found stays known."""
        os.close(self._messages)

    def examine(self) -> Seen:
        """Report what can be seen of it from outside."""
        if self._found is not None:
            return self._found.copy()
        own_memory = any(
            line.startswith("oom_kill ") and not line.endswith(" 0")
            for group in self.groups
            for name in ("memory.oom_control", "memory.events")
            for line in lines(f"{group}/{name}")
        )
        return {
            "running": self.alive,
            "note": os.pread(self._messages, 4096, 0).decode("utf-8", "replace").strip(),
            "stopped": any(is_halted(pid) for pid in (self.pid, *map(int, children(self.pid)))),
            "own_memory": own_memory,
            "host_memory": not own_memory and host_kills() > self._kills,
        }


def kill_with_children(pid: int) -> None:
    """Kill a child of this process and its children, whose pids can't be reused while it stops."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + STOP_SECONDS
    while not is_stopped(pid) and time.monotonic() < deadline:
        time.sleep(0.0002)
    for each in (*map(int, children(pid)), pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def host_kills() -> int:
    """How many processes the kernel has killed because memory ran out, in groups or overall."""
    found = (line.split() for line in lines("/proc/vmstat"))
    return sum(int(count) for name, count in found if name == "oom_kill")


def _become(launch: Launch, messages: int, parent: int) -> None:
    """In the child: join the groups, close descriptors, give up root and execute bubblewrap."""
    command = launch.command
    try:
        _join(launch.groups)
        _keep_few_descriptors(launch, messages)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        for number, limits in SANDBOX_LIMITS.items():
            if number != resource.RLIMIT_NOFILE:  # the runner lowers it when it has sent its socket
                resource.setrlimit(number, limits)
        with contextlib.suppress(OSError):  # the runner keeps it from all that it starts
            os.setpriority(os.PRIO_PROCESS, 0, FIRST)
        os.setsid()
        # Mounts come before the change of user, who may not make any.
        if launch.bounded:
            bound(launch.uid)
        elif launch.overlay:
            enter_namespaces(launch.uid, make_mounts_slaves)
        if launch.overlay:
            mount_overlay(**launch.overlay, uid=launch.uid)
        if os.getuid() != launch.uid:
            os.setgroups([])
            os.setresgid(launch.uid, launch.uid, launch.uid)
            os.setresuid(launch.uid, launch.uid, launch.uid)
        die_with(parent)  # bubblewrap sees to that too, but only after a while
        os.execve(command[0], command, {})
    except BaseException as error:
        os.write(2, f"cannot start {command[0]}: {error}".encode())
    finally:
        os._exit(127)


def _join(groups: list[str]) -> None:
    """Move this process, which has a single thread, to control groups."""
    for group in groups:
        # 0 is this thread: version 1 moves it without the 10 ms that a process by number takes.
        tasks = f"{group}/tasks"
        write(tasks if os.path.exists(tasks) else f"{group}/cgroup.procs", "0")


def _keep_few_descriptors(launch: Launch, messages: int) -> None:
    """Set the standard streams, and close all that bubblewrap is not to inherit.

    bubblewrap hands on whatever it inherits, and the agent could use it: this process's own socket
    and the stream's other copy above all.
    """
    os.dup2(launch.stream, 0)
    os.dup2(launch.stream, 1)
    os.dup2(messages, 2)
    for descriptor in launch.inherited:
        os.set_inheritable(descriptor, True)
    close_all_but(launch.inherited, os.sysconf("SC_OPEN_MAX"))
