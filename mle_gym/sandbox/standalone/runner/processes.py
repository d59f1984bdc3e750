"""Finds, measures, stops and kills the processes below this one, by means of /proc."""

from __future__ import annotations

import os
import resource
import time

from ..shared.light_imports import signal
from ..shared.process_control import prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    Table = dict[int, tuple[int, int]]
    """Pid to parent and resident pages."""

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36

ROUNDS, ROUNDS_ALONE = 100, 2
LONGEST_LOOK = 0.3
"""Seconds."""
LONGEST_SOCKETS = 1 << 20
"""Bytes of the kernel's list of netlink sockets that are read: about 10,000 sockets, each of which
may hold 200 kB."""
MANY = 12
"""With more processes than this, it may be a fork bomb, and there is no time to kill them
singly."""

_ARGUMENTS_START = 45
"""The index in ``/proc/self/stat``, after the name, of the addresses of the command line."""

APART: set[int] = set()
"""Zygotes. They and their children, the keepers, belong to no command. The keepers' children are
the programs, which count as children of this process."""


def process_table() -> Table:
    """Every visible process except zombies and PID 1."""
    table: Table = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == "1":
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[0] != b"Z":
            # A parent outside the sandbox reads as 0: programs of warm Python count as ours.
            table[int(name)] = (int(fields[1]) or 1, int(fields[21]))
    return _without_those_apart(table) if APART else table


def _without_those_apart(table: Table) -> Table:
    apart = {pid for pid, (parent, _) in table.items() if pid in APART or parent in APART}
    return {
        pid: (1 if parent in apart else parent, pages)
        for pid, (parent, pages) in table.items()
        if pid not in apart
    }


def descendants(table: Table, spared: Collection[int] = ()) -> list[int]:
    """Pids below this process, parents first, without the spared ones and their descendants."""
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found, queue = [], list(children.get(os.getpid(), ()))
    while queue:
        pid = queue.pop(0)
        if pid not in spared:
            found.append(pid)
            queue.extend(children.get(pid, ()))
    return found


def has_children() -> bool:
    """Whether anything runs below this process: one read instead of a walk through /proc."""
    if APART:
        return bool(descendants(process_table()))
    pid = os.getpid()
    try:
        children = os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY)
    except OSError:
        return True
    try:
        return bool(os.read(children, 1))
    except OSError:
        return True
    finally:
        os.close(children)


def is_alone() -> bool:
    """Whether no other process exists below this one, which adopts orphans: zygotes count too.

    Unlike a walk through /proc, the answer can't be evaded by forking.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def memory_in_use() -> int:
    """Bytes that all processes below this one hold; shared pages are counted for each of them."""
    table = process_table()
    return sum(table[pid][1] for pid in descendants(table)) * os.sysconf("SC_PAGE_SIZE")


def exact_memory_in_use() -> int:
    """Like :func:`memory_in_use`, with shared pages counted once; slower.

    With very many processes it stops early, because a command's deadline must be kept. Control
    groups still enforce the limit then.
    """
    total, end = 0, time.monotonic() + LONGEST_LOOK
    for pid in descendants(process_table()):
        if time.monotonic() > end:
            break
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith(b"Pss:"))
        except OSError:
            continue
    return total * 1024


def socket_memory() -> int:
    """Bytes that wait in netlink sockets, which no process maps and no control group counts.

    If the list of sockets is too long to be read, the result exceeds every limit.
    """
    try:
        with open("/proc/net/netlink", "rb") as file:
            text = file.read(LONGEST_SOCKETS)
    except OSError:
        return 0
    if len(text) == LONGEST_SOCKETS:
        return 1 << 62
    rows = [line.split() for line in text.splitlines()[1:]]
    return sum(int(received) + int(sent) for *_, received, sent, _, _, _, _ in rows)


def has_own_users() -> bool:
    """Whether no other sandbox has this one's user: the user namespace maps a single one."""
    with open("/proc/self/uid_map", "rb") as file:
        return file.read().split()[2:] == [b"1"]


def kill_descendants(spared: Collection[int] = ()) -> None:
    """Kill everything below this process except the spared ones, until no new ones appear."""
    alone = os.getpid() == 1 and not spared
    killed: set[int] = set()
    for _ in range(ROUNDS if not alone else ROUNDS_ALONE if APART else 0):
        # Parents first: a shell whose program was killed would go on with its next line.
        alive = descendants(process_table(), spared)
        fresh = [pid for pid in alive if pid not in killed] if alone else alive
        if not fresh:
            return
        if alone and len(fresh) > MANY:
            break
        killed.update(fresh)
        for pid in fresh:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
    if alone:
        try:
            # Atomic: not even a fork bomb gets away, and PID 1 itself is exempt.
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass


def stop_descendants() -> list[int]:
    """Stop everything below this process; returns what was running, for :func:`continue_all`."""
    stopped: list[int] = []
    seen: set[int] = set()
    while has_children():
        fresh = [pid for pid in descendants(process_table()) if pid not in seen]
        if not fresh:
            break
        seen.update(fresh)
        for pid in fresh:
            if not _is_still(pid):
                try:
                    os.kill(pid, signal.SIGSTOP)
                    stopped.append(pid)
                except OSError:
                    continue
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline and not all(_is_still(pid) for pid in stopped):
        time.sleep(0.0005)
    return stopped


def continue_all(stopped: list[int]) -> None:
    """Let stopped processes run again."""
    for pid in stopped:
        try:
            os.kill(pid, signal.SIGCONT)
        except OSError:
            continue


def _is_still(pid: int) -> bool:
    """Whether every thread of a process is stopped, or gone."""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", "rb") as file:
                if file.read().rpartition(b")")[2].split()[0] not in (b"T", b"t", b"Z", b"X"):
                    return False
    except OSError:
        pass
    return True


def files_mapped_for_writing() -> set[int | str]:
    """Files that a process below this one can write through memory, which leaves no time stamp.

    They are given by inode and by path, because overlayfs shows another inode here than elsewhere.
    """
    files: set[int | str] = set()
    for pid in descendants(process_table()):
        try:
            with open(f"/proc/{pid}/maps", "rb") as maps:
                for line in maps:
                    fields = line.rstrip(b"\n").split(None, 5)
                    if fields[1][1:2] == b"w" and fields[1][3:4] == b"s":
                        files.update((int(fields[4]), os.fsdecode(fields[-1])))
        except OSError:
            continue
    return files


def harden() -> None:
    """Become undumpable, so that nobody may trace or read this process, and adopt orphans."""
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def take_name(name: bytes) -> None:
    """Have tools that list processes show this name instead of the command line.

    Otherwise an agent's ``pkill -f`` or ``pgrep -f`` might match this process. If its memory can't
    be written this way, the process keeps its old name. Must be called before :func:`harden`.
    """
    try:
        with open("/proc/self/comm", "wb") as file:
            file.write(name)
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        start, end = int(fields[_ARGUMENTS_START]), int(fields[_ARGUMENTS_START + 1])
        with open("/proc/self/mem", "r+b", buffering=0) as file:
            file.seek(start)
            file.write(name.ljust(end - start, b"\0")[: end - start])
    except (OSError, IndexError, ValueError):
        pass


def keep_precedence() -> None:
    """Keep children from inheriting this process's precedence, if it was given one.

    Precedence lets this process answer however many of the agent's processes are busy.
    """
    os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
    resource.setrlimit(resource.RLIMIT_NICE, (0, 0))
