"""What :class:`mle_gym.sandbox.Sandbox` promises, as checks that any backend can be held to.

They cover what an episode relies on. Whether a backend keeps hostile code inside is another
question: ``tests/security`` of the source checkout tries to break out.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mle_gym.errors import MleGymError, SandboxCrashed, SubmissionError
from mle_gym.sandbox import (
    Backend,
    InsideCommand,
    Limits,
    Mount,
    Reply,
    Request,
    Sandbox,
    SandboxConfig,
    get_backend,
)
from mle_gym.sandbox.snapshots.store import current_store

__all__ = ["PROMISES", "check_sandbox"]

_SECONDS = 60.0
"""For commands that take no time, on a machine that is busy."""
_LIMIT = 4_000

Start = Callable[[SandboxConfig], Sandbox]


def check_sandbox(backend: str | Backend) -> None:
    """Hold a backend to every promise in :data:`PROMISES`, each with sandboxes of its own.

    Args:
        backend: The backend, or the name that it is registered by.

    Raises:
        AssertionError: One line for each promise that is broken.
        SandboxUnavailable: The backend can't run here.
    """
    found = get_backend(backend) if isinstance(backend, str) else backend
    found.check()
    broken = []
    for promise in PROMISES:
        try:
            promise(found.create)
        except (AssertionError, MleGymError, OSError) as error:
            broken.append(f"{promise.__name__.lstrip('_')}: {type(error).__name__}: {error}")
    if broken:
        raise AssertionError(f"{found.name} breaks promises:\n" + "\n".join(broken))


def _commands_give_output_and_exit_code(start: Start) -> None:
    with start(SandboxConfig()) as sandbox:
        done = sandbox.execute("echo out; echo err >&2; exit 3", timeout=_SECONDS)
        _equal((done.output, done.exit_code), (b"out\nerr\n", 3))
        _equal(sandbox.execute(b"printf '\xff'", timeout=_SECONDS).output, b"\xff")


def _directory_variables_and_functions_carry_over(start: Start) -> None:
    with start(SandboxConfig()) as sandbox:
        sandbox.execute("mkdir d; cd d; export A=1; f() { echo $A$1; }", timeout=_SECONDS)
        _equal(
            sandbox.execute("f 2; pwd", timeout=_SECONDS).output,
            f"12\n{sandbox.workspace}/d\n".encode(),
        )
        sandbox.restart()
        _equal(sandbox.execute("pwd; echo [$A]", timeout=_SECONDS).output.split()[-1], b"[]")


def _a_timeout_ends_the_command_and_not_the_sandbox(start: Start) -> None:
    with start(SandboxConfig()) as sandbox:
        done = sandbox.execute("sleep 1000", timeout=1)
        _equal((done.exit_code, done.timed_out), (124, True))
        _equal(sandbox.execute("echo on", timeout=_SECONDS).output, b"on\n")


def _an_interrupt_ends_the_command(start: Start) -> None:
    with start(SandboxConfig()) as sandbox:
        ended = threading.Event()

        def interrupt() -> None:
            while not ended.wait(0.2):
                sandbox.interrupt()

        thread = threading.Thread(target=interrupt)
        thread.start()
        try:
            done = sandbox.execute("sleep 1000", timeout=_SECONDS)
        finally:
            ended.set()
            thread.join()
        _equal((done.exit_code, done.timed_out), (130, False))


def _long_output_keeps_its_head_and_tail(start: Start) -> None:
    with start(SandboxConfig(limits=Limits(output_bytes=_LIMIT))) as sandbox:
        done = sandbox.execute("echo head; seq 100000; echo tail", timeout=_SECONDS)
        _holds(done.output.startswith(b"head\n"), "the head is gone")
        _holds(done.output.endswith(b"tail\n"), "the tail is gone")
        _holds(len(done.output) < 2 * _LIMIT, f"{len(done.output)} bytes came out")
        _holds(done.truncated_bytes > 0, "nothing says that output was left out")


def _files_are_written_read_and_edited(start: Start) -> None:
    with start(SandboxConfig()) as sandbox:
        _equal(sandbox.write_file("a/b.txt", b"one\ntwo\n").exit_code, 0)
        _equal(sandbox.edit_file("a/b.txt", b"two", b"three").exit_code, 0)
        _equal(sandbox.insert_text("a/b.txt", 0, b"zero\n").exit_code, 0)
        _equal(sandbox.read_file("a/b.txt").output, b"zero\none\nthree\n")
        _equal(sandbox.read_file("a/b.txt", start=2, lines=1).output, b"one\n")
        _holds(b"b.txt" in sandbox.list_files("a").output, "list_files doesn't list the file")
        _holds(sandbox.read_file("none").exit_code != 0, "a missing file can be read")


def _only_regular_files_of_bounded_size_leave(start: Start) -> None:
    with start(SandboxConfig()) as sandbox:
        sandbox.execute("echo 12345 > f; mkdir d; echo x > d/g; mkfifo p", timeout=_SECONDS)
        _equal(sandbox.fetch("f", max_bytes=6), b"12345\n")
        _equal(dict(sandbox.fetch_files("d", max_bytes=100)), {"g": b"x\n"})
        for path, most in (("f", 5), ("p", 100), ("d", 100), ("none", 100)):
            try:
                sandbox.fetch(path, max_bytes=most)
            except SubmissionError:
                continue
            raise AssertionError(f"fetch({path!r}, max_bytes={most}) returned something")


def _mounts_are_shown_and_the_hosts_files_stay(start: Start) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "train.csv").write_text("a\n1\n")
        with start(SandboxConfig(mounts=(Mount(folder, "data"),))) as sandbox:
            _equal(sandbox.execute("cat data/train.csv", timeout=_SECONDS).output, b"a\n1\n")
            sandbox.execute("echo 2 >> data/train.csv; rm -rf data", timeout=_SECONDS)
        _equal((folder / "train.csv").read_text(), "a\n1\n")


def _offered_commands_hand_over_and_are_answered(start: Start) -> None:
    with start(SandboxConfig(commands={"submit": InsideCommand("answer.csv")})) as sandbox:
        asked = sandbox.begin("echo 1 > answer.csv; submit; echo $?", timeout=_SECONDS)
        _holds(isinstance(asked, Request), f"no request came, but {asked}")
        assert isinstance(asked, Request)
        _equal((asked.tool, asked.content), ("submit", b"1\n"))
        done = sandbox.answer(Reply(4, "told\n"))
        _equal(getattr(done, "output", None), b"told\n4\n")
        _holds(
            isinstance(sandbox.begin("submit; echo on", timeout=_SECONDS), Request), "no request"
        )
        ended = sandbox.answer(Reply(0, "", end_command=True))
        _holds(b"on" not in getattr(ended, "output", b""), "the command went on")


def _cells_share_variables(start: Start) -> None:
    with start(SandboxConfig()) as sandbox:
        sandbox.begin_cell("x = 20", timeout=_SECONDS)
        done = sandbox.begin_cell("x + 1", timeout=_SECONDS)
        _holds(b"21" in getattr(done, "output", b""), f"the value is not shown: {done}")


def _memory_is_limited(start: Start) -> None:
    with start(SandboxConfig(limits=Limits(memory_mb=256))) as sandbox:
        hog = "python3 -c \"x = [bytes(b'1') * 2**20 for _ in range(1024)]; print('alive')\""
        _holds(
            b"alive" not in sandbox.execute(hog, timeout=_SECONDS).output, "1 GiB fits in 256 MiB"
        )
        _equal(sandbox.execute("echo on", timeout=_SECONDS).output, b"on\n")


def _an_expired_sandbox_runs_nothing(start: Start) -> None:
    with start(SandboxConfig()) as sandbox:
        sandbox.write_file("kept", b"1")
        sandbox.expire(0.5)
        began = time.monotonic()
        sandbox.execute("sleep 1000", timeout=1000)
        _holds(time.monotonic() - began < _SECONDS, "the command outlived its sandbox's time")
        _equal(sandbox.fetch("kept", max_bytes=1), b"1")


def _a_snapshot_is_where_another_sandbox_goes_on(start: Start) -> None:
    store = current_store()
    with start(SandboxConfig()) as sandbox:
        sandbox.execute("mkdir d; echo 1 > d/f; cd d; export A=2", timeout=_SECONDS)
        name = sandbox.snapshot()
    lease = store.lease(name)
    try:
        config = SandboxConfig(layers=lease.layers, layers_bytes=lease.info.bytes)
        with start(replace(config)) as other:
            other.restore(lease)
            _equal(other.execute("cat f; echo $A", timeout=_SECONDS).output, b"1\n2\n")
    finally:
        lease.release()
        store.delete(name)


def _closing_twice_is_fine_and_later_calls_raise(start: Start) -> None:
    sandbox = start(SandboxConfig())
    sandbox.close()
    sandbox.close()
    try:
        sandbox.execute("true", timeout=_SECONDS)
    except SandboxCrashed:
        return
    raise AssertionError("a closed sandbox ran a command")


PROMISES: tuple[Callable[[Start], None], ...] = (
    _commands_give_output_and_exit_code,
    _directory_variables_and_functions_carry_over,
    _a_timeout_ends_the_command_and_not_the_sandbox,
    _an_interrupt_ends_the_command,
    _long_output_keeps_its_head_and_tail,
    _files_are_written_read_and_edited,
    _only_regular_files_of_bounded_size_leave,
    _mounts_are_shown_and_the_hosts_files_stay,
    _offered_commands_hand_over_and_are_answered,
    _cells_share_variables,
    _memory_is_limited,
    _an_expired_sandbox_runs_nothing,
    _a_snapshot_is_where_another_sandbox_goes_on,
    _closing_twice_is_fine_and_later_calls_raise,
)
"""Each takes a function that starts a sandbox, and raises an AssertionError when it is broken."""


def _equal(found: object, expected: object) -> None:
    _holds(found == expected, f"expected {expected!r}, found {found!r}")


def _holds(condition: bool, otherwise: str) -> None:
    if not condition:
        raise AssertionError(otherwise)
