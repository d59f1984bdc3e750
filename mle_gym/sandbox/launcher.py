"""A small process beside the host's that starts, accounts for and ends bubblewrap sandboxes.

Standard library only; run as ``python -I -S launcher.py FD``. It exists for four reasons:

- bubblewrap's ``--die-with-parent`` follows the *thread* that spawned it; this process has one
  thread and lives as long as the host;
- when the host is killed, this process sees its socket close and ends every sandbox;
- run by root, sandboxes belong to another user each, and folders that only root may enter are
  bound to a neutral path first, in a mount namespace of this process's own;
- control groups are made and removed in one place.

A message is JSON; ``start`` carries the runner's stream as a descriptor.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from typing import Any

MESSAGE = 1 << 20
FIRST_UID = 700_000
UIDS = 60_000
MOST_ZYGOTES = 20
CONTROLLERS = ("memory", "pids", "cpu")
NEUTRAL_ROOTS = ("/srv", "/mnt", "/media", "/opt")
MS_BIND, MS_REC, MS_PRIVATE, CLONE_NEWNS = 4096, 16384, 1 << 18, 0x00020000


def _check(result: int, what: str) -> None:
    import ctypes

    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


class NeutralPaths:
    """Gives another user a way to folders below one that only root may enter."""

    def __init__(self) -> None:
        import ctypes

        self._libc = ctypes.CDLL(None, use_errno=True)
        self._known: dict[tuple[str, int, int], str] = {}
        self._root = next(path for path in NEUTRAL_ROOTS if os.path.isdir(path))
        _check(self._libc.unshare(CLONE_NEWNS), "unshare")
        self._mount(None, "/", None, MS_REC | MS_PRIVATE)
        self._mount("tmpfs", self._root, "tmpfs", 0)
        os.chmod(self._root, 0o711)
        self.stacks = f"{self._root}/stacks"
        os.mkdir(self.stacks, 0o711)

    def _mount(self, source: str | None, target: str, kind: str | None, flags: int) -> None:
        encoded = [os.fsencode(part) if part else None for part in (source, target, kind)]
        _check(self._libc.mount(*encoded, flags, None), f"mount {target}")

    def __call__(self, source: str) -> str:
        """A path that any user can reach and that shows the same as ``source``."""
        if self._reachable(source):
            return source
        descriptor = os.open(source, os.O_PATH | os.O_CLOEXEC)
        try:
            information = os.fstat(descriptor)
            key = (source, information.st_dev, information.st_ino)
            if key not in self._known:
                target = f"{self._root}/{len(self._known)}"
                if os.path.isdir(f"/proc/self/fd/{descriptor}"):
                    os.mkdir(target)
                else:
                    os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
                self._mount(f"/proc/self/fd/{descriptor}", target, None, MS_BIND | MS_REC)
                self._known[key] = target
            return self._known[key]
        finally:
            os.close(descriptor)

    def _reachable(self, path: str) -> bool:
        """Whether everyone may enter each folder on the way, and none is covered by ours."""
        if path == self._root or path.startswith(self._root + "/"):
            return False
        parts = os.path.realpath(path).split("/")[1:-1]
        folders = ("/" + "/".join(parts[: n + 1]) for n in range(len(parts)))
        return all(os.stat(folder).st_mode & 0o001 for folder in folders)


class ControlGroups:
    """One group a sandbox in each controller that this process may use (version 1 or 2)."""

    def __init__(self) -> None:
        self._bases = self._find()
        self._serial = 0
        self.controllers = sorted(self._bases)
        self._sweep()

    def _find(self) -> dict[str, str]:
        """Map each usable controller to the folder in which groups can be made."""
        own = {}
        for line in _lines("/proc/self/cgroup"):
            _, names, path = line.split(":", 2)
            own.update({name: path for name in names.split(",")})
        bases = {}
        for line in _lines("/proc/self/mountinfo"):
            fields, _, rest = line.partition(" - ")
            kind, _, options = rest.split(" ", 2)
            root, point = fields.split(" ")[3:5]
            if kind == "cgroup":
                for name in set(options.split(",")) & set(CONTROLLERS) & set(own):
                    bases[name] = _below(point, root, own[name])
            elif kind == "cgroup2":
                bases.update(self._find_version_2(point, _below(point, root, own.get("", "/"))))
        return {name: base for name, base in bases.items() if os.access(base, os.W_OK)}

    def _find_version_2(self, point: str, own: str) -> dict[str, str]:
        """Version 2 wants groups without processes of their own above the ones that have them."""
        for parent in (os.environ.get("MLE_GYM_CGROUP", ""), own, point):
            group = f"{parent}/mle-gym"
            try:
                names = set("".join(_lines(f"{parent}/cgroup.controllers")).split())
                names &= set(CONTROLLERS)
                enable = " ".join(f"+{name}" for name in sorted(names))
                _write(f"{parent}/cgroup.subtree_control", enable)
                os.makedirs(group, exist_ok=True)
                _write(f"{group}/cgroup.subtree_control", enable)
            except OSError:
                continue
            return {name: group for name in names}
        return {}

    def _sweep(self) -> None:
        """Remove groups that a killed launcher left behind."""
        for base in set(self._bases.values()):
            for name in os.listdir(base):
                if name.startswith("mle-gym-") and name.count("-") == 3:
                    owner = name.split("-")[2]
                    if not os.path.exists(f"/proc/{owner}"):
                        _remove(f"{base}/{name}")

    def make(self, limits: dict[str, float]) -> list[str]:
        """Make the groups of one sandbox."""
        self._serial += 1
        groups = []
        for base in set(self._bases.values()):
            group = f"{base}/mle-gym-{os.getpid()}-{self._serial}"
            os.mkdir(group)
            groups.append(group)
        memory, processes = str(int(limits["memory_bytes"])), str(int(limits["processes"]))
        quota = str(int(limits["cpus"] * 100_000))
        settings = {
            "memory.limit_in_bytes": memory,
            "memory.memsw.limit_in_bytes": memory,
            "memory.max": memory,
            "memory.swap.max": "0",
            "pids.max": processes,
            "cpu.cfs_quota_us": quota,
            "cpu.max": f"{quota} 100000",
        }
        for group in groups:
            for name, value in settings.items():
                if os.path.exists(f"{group}/{name}"):
                    _write(f"{group}/{name}", value)
        return groups


def _close_all_but(kept: list[int]) -> None:
    """Close every descriptor beyond the standard streams but these."""
    first = 3
    for descriptor in sorted(kept):
        if first < descriptor:  # an empty range would mean all of them
            os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _receive(connection: socket.socket, size: int) -> tuple[bytes, list[int]]:
    """A message and at most one descriptor, which no program that is started must inherit."""
    message, descriptors, _, _ = socket.recv_fds(connection, size, 1)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return message, descriptors


def _children(pid: int) -> list[str]:
    return " ".join(_lines(f"/proc/{pid}/task/{pid}/children")).split()


def _lines(path: str) -> list[str]:
    with contextlib.suppress(OSError), open(path) as file:
        return file.read().splitlines()
    return []


def _write(path: str, value: str) -> None:
    with open(path, "w") as file:
        file.write(value)


def _remove(group: str) -> bool:
    try:
        os.rmdir(group)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _below(point: str, root: str, path: str) -> str:
    """Where the group ``path`` is when the hierarchy's ``root`` is mounted at ``point``."""
    inside = path[len(root) :] if root != "/" and path.startswith(root) else path
    return (point + "/" + inside.strip("/")).rstrip("/")


class Box:
    """One sandbox as the launcher knows it."""

    def __init__(self, pid: int, uid: int, groups: list[str], messages: int) -> None:
        self.pid, self.uid, self.groups, self.messages = pid, uid, groups, messages
        self.alive = True
        self.warm: Warm | None = None


class Warm:
    """What a sandbox needs for warm Python."""

    def __init__(self, plan: dict[str, Any], processes: int) -> None:
        self.plan, self.processes = plan, processes
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        """A line to the runner, which sends the socket on which shims will call, and then hears
        what programs used."""
        self.zygote: Zygote | None = None

    def close(self) -> None:
        """Idempotent."""
        self.ours.close()
        self.theirs.close()


class Zygote:
    """A process that has imported what programs import; see the folder of that name."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setblocking(False)
        self.alive = True
        self.pid = os.fork()
        if self.pid == 0:
            self._become([*plan["command"], str(theirs.fileno())], theirs, plan["environment"])
        theirs.close()

    def _become(self, command: list[str], control: socket.socket, variables: Any) -> None:
        try:
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            control.set_inheritable(True)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.setsid()
            os.chdir("/")
            os.execve(command[0], command, variables)
        finally:
            os._exit(127)

    def tell(self, order: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Give an order. One that is gone or doesn't listen just means cold starts."""
        with contextlib.suppress(OSError):
            socket.send_fds(self._socket, [json.dumps(order).encode()], descriptors)

    def close(self) -> None:
        """It died."""
        self.alive = False
        self._socket.close()


class Launcher:
    """Serves one host until its socket closes."""

    def __init__(self, control: socket.socket) -> None:
        control.set_inheritable(False)  # or else every sandbox could give orders here
        self._control = control
        self._boxes: dict[int, Box] = {}
        self._zygotes: dict[str, list[Zygote]] = {}
        self._poll = select.poll()
        self._groups_to_remove: list[str] = []
        self._groups = ControlGroups()
        self._is_root = os.getuid() == 0
        self._neutral = NeutralPaths() if self._is_root else str
        self._stacks = self._neutral.stacks if isinstance(self._neutral, NeutralPaths) else ""
        self._started = 0
        self._wakeup, wakeup_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # A Ctrl-C in the terminal is the host's to handle; it closes what it wants closed.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    def serve(self) -> None:
        """Answer requests until the host is gone, then end what it left."""
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)
        try:
            while True:
                for descriptor, _ in self._poll.poll(100 if self._groups_to_remove else None):
                    if descriptor == self._wakeup:
                        os.read(self._wakeup, 1 << 16)
                    elif descriptor != self._control.fileno():
                        self._introduce(descriptor)
                    elif not self._answer():
                        return
                self._reap()
        finally:
            self._end()

    def _answer(self) -> bool:
        message, descriptors = _receive(self._control, MESSAGE)
        if not message:
            return False
        request = json.loads(message)
        try:
            answer = getattr(self, "_" + request.pop("op"))(descriptors, **request)
        except OSError as error:
            answer = {"error": f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self._control.send(json.dumps(answer).encode())
        return True

    def _status(self, _descriptors: list[int]) -> dict[str, Any]:
        return {"controllers": self._groups.controllers, "root": self._is_root}

    def _start(
        self,
        descriptors: list[int],
        arguments: list[Any],
        limits: dict[str, float],
        plan: dict[str, Any] | None,
        stack: dict[str, Any] | None,
    ) -> dict[str, Any]:
        """Fork and execute bubblewrap with the stream as its standard input and output."""
        self._started += 1
        texts: list[int] = []
        if stack:
            self._prepare_stack(stack)
        command = [self._argument(argument, texts) for argument in arguments]
        uid = FIRST_UID + self._started % UIDS if self._is_root else os.getuid()
        warm = Warm(plan, int(limits["processes"])) if plan else None
        if warm:
            command += ["", str(warm.theirs.fileno())]
        groups = self._groups.make(limits)
        messages = os.memfd_create("messages", os.MFD_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            inherited = [*texts, warm.theirs.fileno()] if warm else texts
            self._become(command, descriptors[0], messages, groups, inherited, uid, stack)
        for text in texts:
            os.close(text)
        self._boxes[pid] = Box(pid, uid, groups, messages)
        if warm:
            warm.theirs.close()
            self._expect(self._boxes[pid], warm)
        return {"id": pid}

    # ---------------------------------------------------------------------------- warm Python

    def _expect(self, box: Box, warm: Warm) -> None:
        """Have a zygote ready, and wait for the runner's word."""
        key = json.dumps(warm.plan, sort_keys=True)
        made = self._zygotes.setdefault(key, [])
        if not made or (not made[-1].alive and len(made) < MOST_ZYGOTES):
            made.append(Zygote(warm.plan))
        box.warm, warm.zygote = warm, made[-1]
        self._poll.register(warm.ours, select.POLLIN)

    def _introduce(self, line: int) -> None:
        """The runner is up and sends the shims' socket: tell the zygote where its box is."""
        found = [b for b in self._boxes.values() if b.warm and b.warm.ours.fileno() == line]
        if not found or not found[0].warm:
            return
        box, warm = found[0], found[0].warm
        self._poll.unregister(line)
        received: list[int] = []
        try:
            with contextlib.suppress(OSError):  # the runner died
                _, received = _receive(warm.ours, 1)
            if received and warm.zygote:
                self._describe(box, warm, received[0])
        finally:
            for descriptor in received:
                os.close(descriptor)
            warm.ours.close()

    def _describe(self, box: Box, warm: Warm, listener: int) -> None:
        with contextlib.suppress(OSError, IndexError):
            first = _children(box.pid)[0]
            namespaces = os.open(f"/proc/{first}/ns", os.O_PATH | os.O_CLOEXEC)
            order = {
                "id": box.pid,
                "uid": box.uid,
                "groups": box.groups,
                "processes": warm.processes,
            }
            # bubblewrap, not yet reaped, still has that child: the number was not used again.
            if warm.zygote and first in _children(box.pid):
                warm.zygote.tell(order, (listener, namespaces, warm.ours.fileno()))
            os.close(namespaces)

    def _all_zygotes(self) -> list[Zygote]:
        return [zygote for made in self._zygotes.values() for zygote in made]

    # ------------------------------------------------------------------------------ bubblewrap

    def _argument(self, argument: Any, texts: list[int]) -> str:
        """A plain string, a host path to be reached, or text to be passed as a descriptor."""
        if isinstance(argument, str):
            return argument
        if "stack" in argument:
            return f"{self._stacks or argument['stack']}/workspace"
        if "source" in argument:
            return self._neutral(argument["source"])
        descriptor = os.memfd_create("text", 0)
        os.write(descriptor, argument["text"].encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        texts.append(descriptor)
        return str(descriptor)

    def _become(
        self,
        command: list[str],
        stream: int,
        messages: int,
        groups: list[str],
        inherited: list[int],
        uid: int,
        stack: dict[str, Any] | None,
    ) -> None:
        """In the child: join the groups, give up root, keep three descriptors, execute."""
        try:
            for group in groups:
                _write(f"{group}/cgroup.procs", str(os.getpid()))
            os.dup2(stream, 0)
            os.dup2(stream, 1)
            os.dup2(messages, 2)
            for descriptor in inherited:
                os.set_inheritable(descriptor, True)
            # bubblewrap hands on whatever it inherits, and the agent could use it: this
            # process's own socket and the stream's other copy above all.
            _close_all_but(inherited)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            os.setsid()
            if stack:
                self._stack(stack, uid)
            if self._is_root:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            os.execve(command[0], command, {})
        except BaseException as error:
            os.write(2, f"cannot start {command[0]}: {error}".encode())
        finally:
            os._exit(127)

    def _prepare_stack(self, stack: dict[str, Any]) -> None:
        """Load what mounts snapshots; run as a program, this file is all that Python finds."""
        if "stacking" not in sys.modules:
            sys.path.append(os.path.dirname(os.path.abspath(__file__)))
            __import__("stacking")
        stack["point"] = self._stacks or stack["point"]

    def _stack(self, stack: dict[str, Any], uid: int) -> None:
        sys.modules["stacking"].mount_stack(**stack, uid=uid)

    def _stop(self, _descriptors: list[int], id: int) -> dict[str, Any]:
        """Kill a sandbox; its remains are removed as it is reaped."""
        box = self._boxes.pop(id, None)
        if box:
            if box.alive:
                os.kill(box.pid, signal.SIGKILL)
            os.close(box.messages)
            self._groups_to_remove += box.groups
            if box.warm:
                self._dismiss(box.pid, box.warm)
        return {}

    def _dismiss(self, id: int, warm: Warm) -> None:
        if warm.ours.fileno() >= 0:
            self._poll.unregister(warm.ours)
        warm.close()
        if warm.zygote:
            warm.zygote.tell({"forget": id})

    def _explain(self, _descriptors: list[int], id: int) -> dict[str, Any]:
        """What bubblewrap wrote before it died, and whether the kernel ran out of memory."""
        box = self._boxes.get(id)
        if box is None:
            return {"text": ""}
        text = os.pread(box.messages, 4096, 0).decode("utf-8", "replace").strip()
        for group in box.groups:
            for name in ("memory.oom_control", "memory.events"):
                for line in _lines(f"{group}/{name}"):
                    if line.startswith("oom_kill ") and not line.endswith(" 0"):
                        text += " out of memory"
        return {"text": text.strip()}

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                if pid in self._boxes:
                    self._boxes[pid].alive = False
                for zygote in self._all_zygotes():
                    if zygote.pid == pid:
                        zygote.close()
        self._groups_to_remove = [g for g in self._groups_to_remove if not _remove(g)]

    def _end(self) -> None:
        for id in list(self._boxes):
            self._stop([], id)
        for zygote in self._all_zygotes():
            if zygote.alive:
                os.kill(zygote.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
        for _ in range(100):
            self._reap()
            if not self._groups_to_remove:
                return
            select.select([], [], [], 0.02)


if __name__ == "__main__":
    Launcher(socket.socket(fileno=int(sys.argv[1]))).serve()
