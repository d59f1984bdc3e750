"""The filter of system calls follows the rules, also on machines other than this one."""

from __future__ import annotations

import errno
import json
import struct

import pytest

from mle_gym.sandbox import Sandbox, SandboxConfig
from mle_gym.sandbox.seccomp import call_numbers, docker_profile, filter_program
from mle_gym.sandbox.seccomp.denied_calls import CONDITIONS, DENIED

from .conftest import start

ALLOW, KILL = 0x7FFF0000, 0x80000000
MACHINES = sorted(call_numbers.MACHINES)
REFUSED = {name for group in DENIED.values() for name in group}


def error(number: int) -> int:
    return 0x50000 | number


def decide(program: bytes, machine: int, number: int, *arguments: int) -> int:
    """What the kernel's filter machine would return."""
    data = struct.pack("=IIQ6Q", number, machine, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    accumulator = position = 0
    while True:
        code, if_true, if_false, operand = struct.unpack_from("=HBBI", program, 8 * position)
        position += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x15:
                position += if_true if accumulator == operand else if_false
            case 0x25:
                position += if_true if accumulator > operand else if_false
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


class Machine:
    """The filter of one machine, asked by name."""

    def __init__(self, name: str) -> None:
        program = filter_program(name)
        assert program
        self.program, self.number = program, call_numbers.MACHINES[name][0]
        self.calls = {name: number for number, name in call_numbers.system_calls(name).items()}

    def __call__(self, call: str | int, *arguments: int) -> int:
        number = self.calls[call] if isinstance(call, str) else call
        return decide(self.program, self.number, number, *arguments)


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    return Machine(request.param)


def test_each_call_is_allowed_or_refused_as_the_rules_say(machine: Machine) -> None:
    for call in machine.calls:
        if call == "clone3":
            assert machine(call) == error(errno.ENOSYS)
        elif call in REFUSED:
            assert machine(call) == error(errno.EPERM), call
        elif call not in CONDITIONS:
            assert machine(call) == ALLOW, call


def test_calls_that_nobody_knows_are_not_there(machine: Machine) -> None:
    for number in (423, call_numbers.LAST + 1, 0x40000000, 0x40000000 | 165, 0xFFFFFFFF):
        assert machine(number) == error(errno.ENOSYS)


def test_another_binary_interface_is_killed(machine: Machine) -> None:
    i386 = 0x40000003
    assert decide(machine.program, i386, machine.calls["getpid"]) == KILL


@pytest.mark.parametrize(
    ("call", "arguments", "expected"),
    [
        ("socket", (1, 1, 0), ALLOW),
        ("socket", (2, 1, 0), ALLOW),
        ("socket", (10, 1, 0), ALLOW),
        ("socket", (16, 3, 0), ALLOW),
        ("socket", (16, 3, 12), error(errno.EAFNOSUPPORT)),
        ("socket", (40, 1, 0), error(errno.EAFNOSUPPORT)),
        ("socket", (38, 5, 0), error(errno.EAFNOSUPPORT)),
        ("socketpair", (1, 1, 0), ALLOW),
        ("socketpair", (30, 1, 0), error(errno.EAFNOSUPPORT)),
        ("clone", (0x1200011,), ALLOW),
        ("clone", (0x3D0F00,), ALLOW),
        ("clone", (0x10000011,), error(errno.EPERM)),
        ("clone", (0x00020000,), error(errno.EPERM)),
        ("clone", (1 << 32 | 0x40000000,), error(errno.EPERM)),
        ("personality", (0xFFFFFFFF,), ALLOW),
        ("personality", (0,), ALLOW),
        ("personality", (0x0400000,), error(errno.EPERM)),
        ("ioctl", (0, 0x5413), ALLOW),
        ("ioctl", (0, 0x541B), ALLOW),
        ("ioctl", (0, 0xC0084620), ALLOW),
        ("ioctl", (0, 0x5412), error(errno.EPERM)),
        ("ioctl", (0, 1 << 32 | 0x5412), error(errno.EPERM)),
        ("ioctl", (0, 0x541C), error(errno.EPERM)),
        ("fcntl", (3, 1030, 0), ALLOW),
        ("fcntl", (3, 6, 0), ALLOW),
        ("fcntl", (3, 1024, 1), error(errno.EPERM)),
        ("fcntl", (3, 1 << 32 | 1024, 0), error(errno.EPERM)),
        ("fcntl", (3, 1026, 1), error(errno.EPERM)),
        ("prlimit64", (0, 7, 0, 0), ALLOW),
        ("prlimit64", (1, 7, 0, 0), error(errno.EPERM)),
        ("sched_setscheduler", (0, 3), ALLOW),
        ("sched_setscheduler", (1, 3), error(errno.EPERM)),
        ("sched_setaffinity", (0, 8), ALLOW),
        ("sched_setaffinity", (1, 8), error(0)),
        ("setpriority", (0, 0, 5), ALLOW),
        ("setpriority", (0, 1, 5), error(errno.EPERM)),
        ("setpriority", (2, 0, 5), error(errno.EPERM)),
        ("ioprio_set", (1, 0, 5), ALLOW),
        ("ioprio_set", (3, 0, 5), error(errno.EPERM)),
        ("prctl", (15, 0), ALLOW),
        ("prctl", (62, 1), error(errno.EPERM)),
        ("mmap", (0, 4096, 3, 0x22, -1 & 0xFFFFFFFF), ALLOW),
        ("mmap", (0, 4096, 3, 0x40022, -1 & 0xFFFFFFFF), error(errno.ENOMEM)),
        ("memfd_create", (0, 1), ALLOW),
        ("memfd_create", (0, 5), error(errno.ENOMEM)),
        ("sync", (), error(0)),
        ("syncfs", (3,), error(0)),
    ],
)
def test_arguments_decide(
    machine: Machine, call: str, arguments: tuple[int, ...], expected: int
) -> None:
    assert machine(call, *arguments) == expected


def test_every_ioctl_but_three_is_allowed(machine: Machine) -> None:
    refused = {each for each in range(0x5000, 0x6000) if machine("ioctl", 0, each) != ALLOW}
    assert refused == {0x5412, 0x541C, 0x541D}


def test_every_fcntl_but_two_is_allowed(machine: Machine) -> None:
    refused = {each for each in range(2048) if machine("fcntl", 0, each) != ALLOW}
    assert refused == {1024, 1026}


@pytest.mark.parametrize(
    ("name", "call", "number"),
    [
        ("x86_64", "read", 0),
        ("x86_64", "mount", 165),
        ("x86_64", "keyctl", 250),
        ("x86_64", "rseq", 334),
        ("x86_64", "io_uring_setup", 425),
        ("aarch64", "io_setup", 0),
        ("aarch64", "mount", 40),
        ("aarch64", "ptrace", 117),
        ("aarch64", "clone", 220),
        ("aarch64", "kexec_file_load", 294),
        ("aarch64", "io_uring_setup", 425),
        ("aarch64", "mseal", 462),
    ],
)
def test_numbers_are_the_kernels(name: str, call: str, number: int) -> None:
    assert call_numbers.system_calls(name)[number] == call


def test_all_refused_names_exist() -> None:
    known = {name for machine in MACHINES for name in call_numbers.system_calls(machine).values()}
    assert known >= REFUSED | set(CONDITIONS)


def test_machines_that_are_not_known_have_no_filter() -> None:
    assert filter_program("riscv64") is None


def test_dockers_profile_allows_the_same_by_name() -> None:
    profile = json.loads(docker_profile())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    plain, absent, *conditional = profile["syscalls"]
    x86 = Machine("x86_64")
    allowed = {call for call in x86.calls if call not in CONDITIONS and x86(call) == ALLOW}
    assert allowed == set(plain["names"]) & set(x86.calls)
    assert (absent["names"], absent["errnoRet"]) == (["clone3"], errno.ENOSYS)
    assert {name for rule in conditional for name in rule["names"]} == set(CONDITIONS)


@pytest.mark.parametrize(
    ("what", "command", "output"),
    [
        (
            "joblib's processes",
            "python -c 'from joblib import Parallel as P, delayed as d; "
            'print(P(n_jobs=2, backend="loky")(d(abs)(i) for i in (-1, 2)))\'',
            "[1, 2]\n",
        ),
        (
            "multiprocessing by each method",
            "printf '%s\\n' 'import multiprocessing as m' 'if __name__ == \"__main__\":' "
            "'  for how in m.get_all_start_methods():' "
            "'    with m.get_context(how).Pool(2) as p: print(p.map(abs, [-1, 2]))' > mp.py; "
            "python mp.py",
            "[1, 2]\n" * 3,
        ),
        (
            "a forest on two threads",
            "python -c 'from sklearn.ensemble import RandomForestClassifier as F; "
            "print(F(4, n_jobs=2).fit([[1], [2]] * 9, [0, 1] * 9).predict([[1], [2]]))'",
            "[0 1]\n",
        ),
        (
            "shared memory, subprocesses and asynchronous sockets",
            "python -c 'import asyncio, socket, subprocess as s; "
            "from multiprocessing.shared_memory import SharedMemory as M; "
            "m = M(create=True, size=9); m.unlink(); m.close(); a, b = socket.socketpair(); "
            'print(s.run("true").returncode, asyncio.run(asyncio.sleep(0, 1)), '
            "socket.if_nameindex()[0][1])'",
            "0 1 lo\n",
        ),
        (
            "what shells and the usual tools do",
            "set -o pipefail; mkfifo p; (echo x > p &); cat p; ls | sort | xargs -n1 -P2 echo; "
            "mkdir d && tar cf - d | tar xf - && rm -r d p; timeout 5 nice env true && echo done",
            "x\np\ndone\n",
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if " " in value and len(value) < 60 else "",
)
def test_workloads_run_under_the_filter(
    filtered: Sandbox, what: str, command: str, output: str
) -> None:
    execution = filtered.execute(f"rm -f *; {command}", timeout=60)
    assert execution.output.decode() == output, what


@pytest.fixture
def filtered(isolating_backend: str) -> Sandbox:
    with start(isolating_backend, SandboxConfig()) as sandbox:
        status = sandbox.execute("cat /proc/self/status", timeout=20)
        assert b"Seccomp:\t2" in status.output
        yield sandbox


@pytest.mark.parametrize("python", ["python", "python -S"])
def test_warm_and_cold_python_have_the_filter(filtered: Sandbox, python: str) -> None:
    """Programs forked outside of bubblewrap must be no freer than what it started."""
    program = (
        "import ctypes, os; c = ctypes.CDLL(None, use_errno=True); "
        "print([n.split()[1] for n in open('/proc/self/status') if 'Seccomp' in n]); "
        "print(c.unshare(0x10000000), ctypes.get_errno())"
    )
    execution = filtered.execute(f'{python} -c "{program}"', timeout=60)
    assert execution.output.decode() == f"['2', '1']\n-1 {errno.EPERM}\n"
