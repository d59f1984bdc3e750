"""Programs named ``python`` and ``mle-gym`` that start in milliseconds. Standard library only.

A document runs dozens of commands, each of which imports the same large libraries for a second and
more. The server here has imported them, and forks for each program, as the zygote of a sandbox does
for agents. ``mle_gym`` itself is not imported ahead: what it does when it is imported belongs to
what a document shows.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import runpy
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

LIBRARIES = (
    "gymnasium",
    "numpy",
    "pandas",
    "pydantic",
    "rich.markdown",
    "rich.progress",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "typer",
)
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def preloaded_programs(folder: Path) -> Iterator[Path]:
    """A folder with both programs, for the front of a PATH. They work until the context ends."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "socket"))
    listener.listen(64)
    command = [sys.executable, __file__, str(listener.fileno())]
    with listener:
        server = subprocess.Popen(command, pass_fds=[listener.fileno()])
    with server:
        client = shlex.join([sys.executable, "-I", "-S", __file__, str(folder / "socket")])
        for name, arguments in {"python": "", "mle-gym": "-m mle_gym"}.items():
            program = folder / name
            program.write_text(f'#!/bin/sh\nexec {client} {arguments} "$@"\n')
            program.chmod(0o755)
        try:
            yield folder
        finally:
            server.terminate()


def call(address: str, arguments: list[str]) -> int:
    """Have the server run a program with this process's files, and return its exit status."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-c", "-m")):
        os.execv(sys.executable, [sys.executable, *arguments])
    request = {"arguments": arguments, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [b"!"], [0, 1, 2])
        connection.sendall(json.dumps(request).encode() + b"\n")
        replies = connection.makefile()
        pid = int(replies.readline())
        for number in FORWARDED:
            signal.signal(number, lambda number, _: os.kill(pid, number))
        status = int(replies.readline() or -signal.SIGKILL)
    if status < 0:  # ended as the program did
        end_by(-status)
    return status


def end_by(number: int) -> None:
    """End this process by a signal."""
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def serve(listener: socket.socket) -> None:
    """Fork for each program that is called, until this process is ended. It has no threads."""
    for name in LIBRARIES:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            attend(connection)
        connection.close()


def attend(connection: socket.socket) -> None:
    """Run one program, and reply with its process's number and exit status; then exit."""
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    request = json.loads(connection.makefile().readline())
    pid = os.fork()
    if pid == 0:
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        connection.close()
        end_after(request["arguments"], request["folder"], request["environment"])
    for file in (0, 1, 2, *files):
        os.close(file)  # so that a reader of the program's output sees its end
    with contextlib.suppress(OSError):  # the caller was killed
        connection.sendall(b"%d\n" % pid)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        connection.sendall(b"%d\n" % status)
    os._exit(0)


def end_after(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """Run what the interpreter would run with these arguments; then exit."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, name in enumerate(("stdin", "stdout", "stderr")):  # those of the caller's kind
        stream = os.fdopen(number, "w" if number else "r", 1 if number == 2 else -1, "utf-8")
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    status, interrupted = 1, False
    try:
        status = run(arguments)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as at an exit
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        if interrupted:
            end_by(signal.SIGINT)
        os._exit(status & 0xFF)


def run(arguments: list[str]) -> int:
    """What ``python ARGUMENTS`` does, for a file, ``-c`` and ``-m``."""
    first, *rest = arguments
    if first == "-c":
        sys.argv, sys.path[:0] = ["-c", *rest[1:]], [""]
        module = type(sys)("__main__")
        sys.modules["__main__"] = module
        exec(compile(rest[0], "<string>", "exec"), module.__dict__)
    elif first == "-m":
        sys.argv, sys.path[:0] = rest, [str(Path.cwd())]
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[:0] = arguments, [str(Path(first).resolve().parent)]
        runpy.run_path(first, run_name="__main__")
    return 0


if __name__ == "__main__":
    if sys.argv[1].isdecimal():
        del sys.path[0]
        serve(socket.socket(fileno=int(sys.argv[1])))
    else:
        sys.exit(call(sys.argv[1], sys.argv[2:]))
