"""The program inside every sandbox: runs the agent's commands and file actions for the host.

Standard library only, one file, Python 3.9 or newer: it must start anywhere within milliseconds.

    python -I -S runner.py serve [FOLDER]     speak frames with the host on stdin and stdout
    python -I -S runner.py submit [PATH]      what `submit`, `validate` and `score` run

A frame is two big-endian 32-bit lengths, a JSON header and a raw payload. The host sends
`configure` once, then one operation at a time; each is answered by `done`. While a command runs,
the runner may send `request` (somebody called `submit`) and gets `reply`.

Nothing here is trusted by the host: the agent shares this process's user, so whatever it could
forge must be worthless. Read-only answers, graders and other episodes are not in this box.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import select
import signal
import socket
import stat
import struct
import sys
import time
from collections import deque

HEADER = struct.Struct(">II")
MAX_HEADER = 1 << 20
MAX_PAYLOAD = 1 << 28
CHUNK = 1 << 16
LONGEST_ARGUMENT = 100_000
"""Linux refuses a single argument of 128 KiB or more, so longer scripts go by file."""
INTERRUPT_GRACE = 1.0
"""Seconds between SIGINT and SIGKILL after a timeout: enough for a traceback."""
WATCH_EVERY = 0.1
"""Seconds between looks at memory while a command runs."""
SCAN_LIMIT = 1 << 26
"""How far into a file `read_file` looks."""
KEPT_OUTPUTS = 4
DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP)
"""Ignored by Python or by the runner; a command starts with their defaults."""
TOOLS = ("validate", "score", "submit")

SHELL = """\
echo 500 2>/dev/null >/proc/self/oom_score_adj; [ -f "{run}/environment" ] && . "{run}/environment"; \
trap '{{ printf "%s\\0" "$PWD"; declare -px; printf "\\0"; }} 2>/dev/null >"{run}/state"' EXIT; \
{body}"""


# ---------------------------------------------------------------------------------------- frames


def send_frame(descriptor, header, payload=b""):
    """Write one frame whole."""
    text = json.dumps(header).encode()
    data = memoryview(HEADER.pack(len(text), len(payload)) + text + payload)
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            select.select([], [descriptor], [])


def receive_frame(descriptor):
    """Read one frame; None when the host is gone."""
    prefix = receive_exactly(descriptor, HEADER.size)
    if prefix is None:
        return None
    header_size, payload_size = HEADER.unpack(prefix)
    if header_size > MAX_HEADER or payload_size > MAX_PAYLOAD:
        return None
    header = receive_exactly(descriptor, header_size)
    payload = receive_exactly(descriptor, payload_size)
    if header is None or payload is None:
        return None
    return json.loads(header), payload


def receive_exactly(descriptor, size):
    """Read exactly `size` bytes; None at the end of the stream."""
    parts = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


# ------------------------------------------------------------------------------------- processes


def process_table():
    """Map pid to (parent, resident pages) of every process in sight, zombies left out."""
    table = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[0] != b"Z":
            table[int(name)] = (int(fields[1]), int(fields[21]))
    return table


def descendants(table, root, without=frozenset()):
    """Pids below `root`, leaving out the subtrees of `without`."""
    children = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found, queue = [], deque(children.get(root, ()))
    while queue:
        pid = queue.popleft()
        if pid not in without:
            found.append(pid)
            queue.extend(children.get(pid, ()))
    return found


def has_children():
    """Whether anything runs below this process: one read instead of a walk through /proc."""
    pid = os.getpid()
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            return bool(file.read())
    except OSError:
        return True


def proportional_memory(pids):
    """Bytes that `pids` hold, shared pages counted once."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith(b"Pss:"))
        except OSError:
            continue
    return total * 1024


def harden():
    """Become undumpable (nobody may trace or read this process) and adopt orphans."""
    import ctypes

    libc = ctypes.CDLL(None)
    libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
    libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, for sandboxes where this is not PID 1


# ---------------------------------------------------------------------------------------- output


class Output:
    """One command's output: its head and tail in memory, all of it (up to a cap) in a file."""

    def __init__(self, limit, file_limit, path):
        self.limit, self.file_limit, self.path = limit, file_limit, path
        self.head, self.tail, self.total = bytearray(), bytearray(), 0
        self.file, self.file_size = None, 0

    def add(self, data):
        self.total += len(data)
        if self.total <= self.limit:
            self.head += data
            return
        if self.file is None:
            self.open_file()
        self.write_file(data)
        self.tail += data
        half = self.limit - self.limit // 2
        if len(self.tail) > 8 * half + CHUNK:
            del self.tail[:-half]

    def open_file(self):
        """Called once, when the output outgrows memory: until then everything was in the head."""
        try:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            self.file = open(self.path, "wb", buffering=0)  # noqa: SIM115
        except OSError:
            self.file = False
        self.write_file(bytes(self.head))
        half = self.limit // 2
        self.tail += self.head[half:]
        del self.head[half:]

    def write_file(self, data):
        data = data[: max(0, self.file_limit - self.file_size)]
        if self.file and data:
            try:
                self.file_size += self.file.write(data)
            except OSError:
                self.file_limit = self.file_size

    def finish(self):
        """The bytes to show and how many were left out."""
        if self.file:
            self.file.close()
        if self.total <= self.limit:
            return bytes(self.head), 0
        tail = bytes(self.tail[-(self.limit - self.limit // 2) :])
        left_out = self.total - len(self.head) - len(tail)
        if not self.file_size:
            where = ""
        elif self.file_size < self.total:
            where = f"; its first {self.file_size} bytes are in {self.path}"
        else:
            where = f"; all of it is in {self.path}"
        note = f"\n[... {left_out} bytes of output left out{where} ...]\n"
        return bytes(self.head) + note.encode() + tail, left_out


class Command:
    """A running shell and what is known of it."""

    def __init__(self, pid, pipe, output, deadline, older):
        self.pid, self.pipe, self.output, self.deadline = pid, pipe, output, deadline
        self.older = older
        """Processes that earlier commands left running on purpose: a timeout spares them."""
        self.started = time.monotonic()
        self.peak = 0
        self.killed_by = ""
        self.kill_at = None
        self.status = None
        self.usage = None


# ---------------------------------------------------------------------------------------- runner


class Runner:
    """The event loop: one host, one command at a time, any number of leftovers."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.command = None
        self.commands_run = 0
        self.orphan_pipes = set()
        self.callers = {}
        self.pending = deque()
        self.asked = None
        self.poll = select.poll()
        self.poll.register(source, select.POLLIN)
        self.wakeup, wakeup_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.poll.register(self.wakeup, select.POLLIN)

    def configure(self, options, _payload):
        self.workspace = options["workspace"]
        self.directory = self.workspace
        self.run = options["run"]
        self.alone = os.getpid() == 1
        self.output_limit = options["output_bytes"]
        self.output_file_limit = options["output_file_bytes"]
        self.memory_limit = options["memory_mb"] << 20
        self.environment = dict(options["environment"])
        self.environment["PATH"] = f"{self.run}/bin:{self.environment['PATH']}"
        self.bash = options["bash"]
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.alone:
            resource.setrlimit(resource.RLIMIT_NPROC, (options["processes"],) * 2)
        if options.get("affinity"):
            os.sched_setaffinity(0, options["affinity"])
        self.make_commands(options["python"])
        self.listen()
        return {"pid": os.getpid(), "isolated": self.alone}, b""

    def make_commands(self, python):
        """Put `validate`, `score` and `submit` on the PATH."""
        os.makedirs(f"{self.run}/bin", exist_ok=True)
        program = os.path.abspath(__file__)
        for tool in TOOLS:
            path = f"{self.run}/bin/{tool}"
            with open(path, "w") as file:
                socket_path = f"{self.run}/control"
                file.write(
                    f'#!/bin/sh\nexec "{python}" -I -S "{program}" {tool} "{socket_path}" "$@"\n'
                )
            os.chmod(path, 0o755)

    def listen(self):
        path = f"{self.run}/control"
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(64)
        self.listener.setblocking(False)
        self.poll.register(self.listener, select.POLLIN)

    # ------------------------------------------------------------------------------------- loop

    def serve(self):
        while True:
            for descriptor, _ in self.poll.poll(self.patience()):
                if descriptor == self.source:
                    frame = receive_frame(self.source)
                    if frame is None:
                        return
                    self.handle(*frame)
                elif descriptor == self.wakeup:
                    os.read(self.wakeup, CHUNK)
                elif descriptor == self.listener.fileno():
                    self.accept()
                elif descriptor in self.callers:
                    self.hear(descriptor)
                else:
                    self.drain(descriptor)
            self.reap()
            if self.command:
                self.watch()

    def patience(self):
        """Milliseconds that the loop may sleep."""
        command = self.command
        if not command:
            return None
        due = command.kill_at or command.deadline
        return max(0, min(WATCH_EVERY, due - time.monotonic())) * 1000 + 1

    def handle(self, header, payload):
        operation = header.pop("op")
        if operation == "execute":
            self.start(header, payload)
        elif operation == "reply":
            self.pass_on(header, payload)
        else:
            try:
                answer, content = getattr(self, operation)(header, payload)
            except OSError as error:
                answer, content = {"exit_code": 1}, f"{error.strerror}: {error.filename}\n".encode()
            self.done(answer, content)

    def done(self, answer, content=b""):
        send_frame(self.sink, {"op": "done", **answer}, content)

    # --------------------------------------------------------------------------------- commands

    def start(self, options, script):
        """Start a fresh shell in the saved directory with the saved environment."""
        self.commands_run += 1
        older = self.leftovers()
        read_end, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(write_end, True)
        saved = os.path.exists(f"{self.run}/environment")
        try:
            self.enter_directory()
            arguments = self.shell_arguments(script)
            pid = os.posix_spawn(
                self.bash,
                arguments,
                {} if saved else self.environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, write_end, 1),
                    (os.POSIX_SPAWN_DUP2, write_end, 2),
                ],
                setsid=True,
                setsigdef=DEFAULT_SIGNALS,
            )
        except OSError as error:
            os.close(read_end)
            message = f"the shell could not be started: {error.strerror}\n"
            self.done({"exit_code": 126}, message.encode())
            return
        finally:
            os.close(write_end)
        path = f"{self.run}/output/{self.commands_run}.txt"
        output = Output(self.output_limit, self.output_file_limit, path)
        deadline = time.monotonic() + options["timeout"]
        self.command = Command(pid, read_end, output, deadline, older)
        self.poll.register(read_end, select.POLLIN)

    def leftovers(self):
        """Processes still running from earlier commands."""
        if not has_children():
            return frozenset()
        return frozenset(descendants(process_table(), os.getpid()))

    def enter_directory(self):
        """Go where the last command ended, or to the workspace if that folder is gone."""
        for directory in (self.directory, self.workspace):
            try:
                os.chdir(directory)
                return
            except OSError:
                continue
        os.chdir("/")

    def shell_arguments(self, script):
        body = b'eval "$1"'
        arguments = [script]
        if len(script) > LONGEST_ARGUMENT:
            with open(f"{self.run}/command", "wb") as file:
                file.write(script)
            body, arguments = f'. "{self.run}/command"'.encode(), []
        text = SHELL.format(run=self.run, body="\0").encode().replace(b"\0", body)
        return ["bash", "--noprofile", "--norc", "-c", text, "bash", *arguments]

    def drain(self, descriptor):
        """Read what a pipe holds; output of commands that already ended is dropped."""
        command = self.command
        current = command is not None and descriptor == command.pipe
        for _ in range(64):
            try:
                data = os.read(descriptor, CHUNK)
            except BlockingIOError:
                return
            if not data:
                self.close_pipe(descriptor)
                return
            if current:
                command.output.add(data)

    def close_pipe(self, descriptor):
        self.poll.unregister(descriptor)
        os.close(descriptor)
        self.orphan_pipes.discard(descriptor)
        if self.command and self.command.pipe == descriptor:
            self.command.pipe = None

    def reap(self):
        """Bury every dead child; as PID 1 that includes orphans."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self.command and pid == self.command.pid:
                self.command.status, self.command.usage = status, usage
                self.finish()

    def watch(self):
        """Enforce time and memory on the running command."""
        command = self.command
        now = time.monotonic()
        if command.kill_at is not None:
            if now >= command.kill_at:
                self.kill_command()
            return
        if now >= command.deadline:
            command.killed_by, command.kill_at = "timeout", now + INTERRUPT_GRACE
            self.interrupt()
        elif now - command.started > WATCH_EVERY / 2:
            self.watch_memory()

    def watch_memory(self):
        """Kill the command when everything in the sandbox together holds too much memory."""
        table = process_table()
        pids = descendants(table, os.getpid())
        used = sum(table[pid][1] for pid in pids) * resource.getpagesize()
        if used > self.memory_limit:
            used = proportional_memory(pids)
        self.command.peak = max(self.command.peak, used)
        if used > self.memory_limit:
            self.command.killed_by = "memory"
            self.command.older = frozenset()
            self.kill_command()

    def interrupt(self):
        """Ask the foreground to stop, so that a traceback says where it was."""
        try:
            os.killpg(self.command.pid, signal.SIGINT)
        except OSError:
            self.kill_command()

    def kill_command(self):
        """Kill everything the command started, however it hid, and spare older leftovers."""
        command = self.command
        command.kill_at = time.monotonic() + INTERRUPT_GRACE
        if self.alone and not command.older:
            try:
                os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                pass
            return
        self.kill_everything(command.older)

    def kill_everything(self, spared=frozenset()):
        """Kill all descendants but the spared, until no new ones appear."""
        for _ in range(100):
            alive = descendants(process_table(), os.getpid(), spared)
            if not alive:
                return
            for pid in alive:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    continue

    def finish(self):
        """The shell ended: collect output and state, tell the host."""
        command = self.command
        if command.killed_by:
            self.kill_command()
        if command.pipe is not None:
            self.drain(command.pipe)
        if command.pipe is not None:
            self.orphan_pipes.add(command.pipe)
        self.command = None
        self.forget_callers()
        self.load_state()
        output, left_out = command.output.finish()
        self.drop_old_output()
        usage = command.usage
        answer = {
            "exit_code": self.exit_code(command),
            "duration": time.monotonic() - command.started,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_memory_mb": max(command.peak / 2**20, usage.ru_maxrss / 1024),
            "timed_out": command.killed_by == "timeout",
            "killed_by": command.killed_by if command.killed_by != "end" else "",
            "truncated_bytes": left_out,
        }
        self.done(answer, output + self.obituary(command))

    def exit_code(self, command):
        if command.killed_by == "timeout":
            return 124
        if os.WIFSIGNALED(command.status):
            return 128 + os.WTERMSIG(command.status)
        return os.WEXITSTATUS(command.status)

    def obituary(self, command):
        """What the agent should know about a command that a limit ended."""
        if command.killed_by == "timeout":
            seconds = command.deadline - command.started
            return f"\n[killed: the command ran longer than {seconds:g} s]\n".encode()
        if command.killed_by == "memory":
            limit = self.memory_limit >> 20
            return f"\n[killed: the sandbox used more than {limit} MB of memory]\n".encode()
        return b""

    def load_state(self):
        """Take over directory and exported variables from the shell that just ended."""
        path = f"{self.run}/state"
        try:
            with open(path, "rb") as file:
                directory, environment, rest = file.read(1 << 24).split(b"\0", 2)
            if rest == b"" and environment:
                self.directory = os.fsdecode(directory)
                os.rename(path, f"{self.run}/environment")
                with open(f"{self.run}/environment", "wb") as file:
                    file.write(environment)
        except (OSError, ValueError):
            return

    def drop_old_output(self):
        try:
            os.unlink(f"{self.run}/output/{self.commands_run - KEPT_OUTPUTS}.txt")
        except OSError:
            return

    # ----------------------------------------------------------------------------- control calls

    def accept(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        if len(self.callers) >= 64:
            connection.close()
            return
        self.callers[connection.fileno()] = (connection, bytearray())
        self.poll.register(connection, select.POLLIN)

    def hear(self, descriptor):
        """A caller sent a piece of its one-line request, or left."""
        connection, heard = self.callers[descriptor]
        try:
            data = connection.recv(CHUNK)
        except OSError:
            data = b""
        heard += data
        if not data or len(heard) > CHUNK:
            self.dismiss(descriptor)
        elif heard.endswith(b"\n"):
            self.poll.modify(descriptor, 0)
            self.pending.append(descriptor)
            self.ask_host()

    def ask_host(self):
        """Send the next waiting call to the host, one at a time."""
        while self.pending and self.asked is None:
            descriptor = self.pending.popleft()
            if descriptor not in self.callers:
                continue
            try:
                call = json.loads(self.callers[descriptor][1])
                tool, path, limit = call["tool"], call["path"], MAX_PAYLOAD
                if tool not in TOOLS or not isinstance(path, str):
                    raise ValueError("unknown call")
            except (ValueError, KeyError, TypeError):
                self.answer(descriptor, 2, "not a call\n")
                continue
            if self.command is None:
                self.answer(descriptor, 1, f"{tool}: only works while a command runs\n")
                continue
            reason, content = take_file(path, limit)
            if reason:
                self.answer(descriptor, 1, f"{tool}: {reason}\n")
                continue
            self.asked = descriptor
            send_frame(self.sink, {"op": "request", "tool": tool, "path": path}, content)

    def pass_on(self, header, payload):
        """The host's reply goes to the caller; it may also end the command."""
        descriptor, self.asked = self.asked, None
        if descriptor in self.callers:
            self.answer(descriptor, header["exit_code"], payload.decode("utf-8", "replace"))
        if header.get("end") and self.command:
            self.command.killed_by, self.command.older = "end", frozenset()
            self.kill_command()
        self.ask_host()

    def answer(self, descriptor, exit_code, text):
        connection, _ = self.callers[descriptor]
        try:
            connection.setblocking(True)
            connection.settimeout(1)
            connection.sendall(json.dumps({"exit_code": exit_code, "output": text}).encode())
        except OSError:
            pass
        self.dismiss(descriptor)

    def dismiss(self, descriptor):
        connection, _ = self.callers.pop(descriptor)
        self.poll.unregister(descriptor)
        connection.close()

    def forget_callers(self):
        """Calls left over from an ended command will not be answered."""
        self.pending.clear()
        for descriptor in list(self.callers):
            if descriptor != self.asked:
                self.dismiss(descriptor)

    # ------------------------------------------------------------------------------ file actions

    def locate(self, path):
        return os.path.join(self.workspace, path)

    def write_file(self, options, content):
        path = self.locate(options["path"])
        if os.path.lexists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            return {"exit_code": 1}, f"{path}: exists and is not a regular file\n".encode()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(path, flags, 0o644), "wb") as file:
            file.write(content)
        return {"exit_code": 0}, f"wrote {len(content)} bytes to {options['path']}\n".encode()

    def edit_file(self, options, payload):
        old, new = payload[: options["split"]], payload[options["split"] :]
        reason, content = take_file(self.locate(options["path"]), SCAN_LIMIT)
        if reason:
            return {"exit_code": 1}, f"{reason}\n".encode()
        count = content.count(old) if old else 0
        if count != 1:
            found = "the text to replace is empty" if not old else (
                "the text to replace is not in the file"
                if count == 0
                else f"the text to replace is in the file {count} times; give more context"
            )
            return {"exit_code": 1}, f"{options['path']}: {found}\n".encode()
        line = content[: content.index(old)].count(b"\n") + 1
        self.write_file(options, content.replace(old, new))
        return {"exit_code": 0}, f"edited {options['path']} at line {line}\n".encode()

    def read_file(self, options, _payload):
        reason, content = take_file(self.locate(options["path"]), SCAN_LIMIT)
        if reason:
            return {"exit_code": 1}, f"{reason}\n".encode()
        lines = content.splitlines(keepends=True)
        start, count = options["start"], options["lines"]
        if start > max(1, len(lines)):
            found = f"{options['path']}: has {len(lines)} lines, line {start} was asked for\n"
            return {"exit_code": 1}, found.encode()
        last = len(lines) if count is None else start - 1 + count
        return self.cut(b"".join(lines[start - 1 : last]))

    def list_files(self, options, _payload):
        folder = self.locate(options["path"])
        rows = []
        with os.scandir(folder) as entries:
            for entry in entries:
                kind = entry.stat(follow_symlinks=False)
                name = os.fsencode(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    rows.append((name, b"%12s  %s/\n" % (b"-", name)))
                else:
                    rows.append((name, b"%12d  %s\n" % (kind.st_size, name)))
        return self.cut(b"".join(row for _, row in sorted(rows)) or b"(empty)\n")

    def cut(self, content):
        output = Output(self.output_limit, 0, os.devnull)
        output.add(content)
        shown, left_out = output.finish()
        return {"exit_code": 0, "truncated_bytes": left_out}, shown

    def fetch(self, options, _payload):
        reason, content = take_file(self.locate(options["path"]), options["max_bytes"])
        if reason:
            return {"exit_code": 1}, reason.encode()
        return {"exit_code": 0}, content


def take_file(path, limit):
    """Read a regular file of at most `limit` bytes: (why not, content)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        hint = "no such file" if error.errno == errno.ENOENT else str(error.strerror)
        return f"{path}: {hint}", b""
    except ValueError as error:
        return f"{path!r}: {error}", b""
    with open(descriptor, "rb", buffering=0) as file:
        information = os.fstat(descriptor)
        if not stat.S_ISREG(information.st_mode):
            kind = "a folder" if stat.S_ISDIR(information.st_mode) else "not a regular file"
            return f"{path}: is {kind}", b""
        if information.st_size > limit:
            return f"{path}: has {information.st_size} bytes, at most {limit} are allowed", b""
        content = bytearray()
        while len(content) <= limit:
            try:
                part = file.read(min(1 << 20, limit + 1 - len(content)))
            except OSError as error:
                return f"{path}: {error.strerror}", b""
            if not part:
                return "", bytes(content)
            content += part
    return f"{path}: has more than {limit} bytes", b""


# ---------------------------------------------------------------------------------- entry points


def serve(folder=None):
    """Move the stream out of the agent's reach, then answer the host until it leaves.

    `folder` is removed at the end: where nothing isolates, nobody else would after a `kill -9`.
    """
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor, inheritable=True)
    harden()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN if number != signal.SIGTERM else lambda *_: sys.exit())
    runner = Runner(source, sink)
    try:
        runner.serve()
    except BrokenPipeError:
        pass
    finally:
        runner.kill_everything()
        if folder:
            import shutil

            shutil.rmtree(folder, ignore_errors=True)


def call(tool, socket_path, arguments):
    """`submit PATH` and its siblings: ask the runner, print its answer."""
    if len(arguments) > 1 or (arguments and arguments[0] in ("-h", "--help")):
        print(f"usage: {tool} [PATH]    (default: submission.csv)", file=sys.stderr)
        return 2
    path = os.path.abspath(arguments[0] if arguments else "submission.csv")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(socket_path)
        connection.sendall(json.dumps({"tool": tool, "path": path}).encode() + b"\n")
        parts = []
        while part := connection.recv(CHUNK):
            parts.append(part)
    if not parts:
        return 1
    answer = json.loads(b"".join(parts))
    print(answer["output"], end="", flush=True)
    return answer["exit_code"]


def main():
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
        return 0
    return call(sys.argv[1], sys.argv[2], sys.argv[3:])


if __name__ == "__main__":
    sys.exit(main())
