"""Turns a fork of the zygote into what a new interpreter would be, and runs the program in it."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing.process
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from ..shared.system_calls import (
    PR_SET_DUMPABLE,
    PR_SET_MM,
    PR_SET_MM_MAP,
    PR_SET_NAME,
    libc,
    prctl,
)
from .accept_request import Command, Request
from .new_interpreter import set_up_interpreter
from .program_call import Program, ProgramCalls

OUT_OF_MEMORY_SCORE = b"500"
"""The score of a command's shell, with which the runner survives when memory runs out."""
_getppid = os.getppid
_CATCHABLE = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


class _Handover(ctypes.Structure):
    """``struct handover`` of ``handover.c``."""

    _fields_ = tuple((name, ctypes.c_int) for name in ("keeper", "connection", "usage", "line"))


class _Map(ctypes.Structure):
    """``struct prctl_mm_map`` of the kernel."""

    _fields_ = (
        *((f"address{number}", ctypes.c_uint64) for number in range(11)),
        ("auxv", ctypes.c_void_p),
        ("auxv_size", ctypes.c_uint32),
        ("exe", ctypes.c_uint32),
    )


class Template:
    """Turns forks into programs, with what the zygote has found out once for all of them."""

    def __init__(self, library: str, thread_pools: list[Any]) -> None:
        """Load what every program needs.

        Args:
            library: ``program.c`` and ``handover.c``, compiled.
            thread_pools: Controllers of threadpoolctl for the loaded libraries.
        """
        functions = ctypes.PyDLL(library)
        self._play, self._hand_over = functions.play, functions.hand_over
        self._play.argtypes = [ctypes.POINTER(Program)]
        self._hand_over.argtypes = [ctypes.POINTER(_Handover)]
        self._thread_pools = thread_pools
        self._describe = ProgramCalls()
        self._kept: list[Any] = []
        libc.sbrk.restype = ctypes.c_void_p
        with open("/proc/self/stat", "rb") as file:
            fields = [b"", b"", *file.read().rpartition(b")")[2].split()]
        self._layout = [int(fields[n - 1]) for n in (26, 27, 45, 46, 47)]
        self._stack = int(fields[27])

    def rehearse(self, own: Request, command: Command) -> None:
        """Take a program's first steps early, so that the pages they write are copied already.

        Not that of opening its memory to its user: inside a sandbox that is the agent, and this
        process will be given lines that a program must not have.

        Args:
            own: A request for what this process already has.
            command: The command line of that request.
        """
        places = list(sys.path)
        self._take_on(own, command)
        self.show_command_line(own.arguments, own.variables)
        self._describe(command, set_up_interpreter(own, command))
        self._restore_signals(own)
        gc.collect()
        sys.path[:] = places

    def hand_over(self, keeper: int, connection: int, usage: int, line: int) -> None:
        """Go on in a child, in the process namespace for children; this process is its keeper.

        Args:
            keeper: Descriptor of the keeper's program.
            connection: To the shim.
            usage: Where to report what the program used.
            line: To this process.
        """
        error = self._hand_over(ctypes.byref(_Handover(keeper, connection, usage, line)))
        if error:
            raise OSError(error, os.strerror(error))

    def play(self, request: Request, command: Command) -> None:
        """Become the program, run it and end this process."""
        for number, descriptor in enumerate(request.descriptors[:3]):
            os.dup2(descriptor, number)
        os.closerange(3, 1 << 20)
        self.show_command_line(request.arguments, request.variables)
        prctl(PR_SET_DUMPABLE, 1)  # from here on it has nothing that its user may not have
        with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
            file.write(OUT_OF_MEMORY_SCORE)
        self._take_on(request, command)
        program = self._describe(command, set_up_interpreter(request, command))
        self._restore_signals(request)
        self._play(ctypes.byref(program))

    def _take_on(self, request: Request, command: Command) -> None:
        """Set what a process inherits, and what libraries read as they are loaded."""
        os.umask(request.umask)
        if os.getpriority(os.PRIO_PROCESS, 0) < request.nice:
            os.setpriority(os.PRIO_PROCESS, 0, request.nice)
        bits = int.from_bytes(request.processors, sys.byteorder)
        os.sched_setaffinity(0, [n for n in range(1024) if bits >> n & 1])
        self._pretend_parent(request.parent)
        _replace_environment(command.environment)
        time.tzset()
        self._set_threads(command.environment)
        _reseed()
        _new_identity()

    def _pretend_parent(self, shim_parent: int) -> None:
        """Make ``getppid`` name the shell; the real parent is in another namespace and reads 0."""
        own = os.getpid()

        def getppid() -> int:
            return shim_parent if os.getpid() == own else _getppid()

        os.getppid = getppid

    def _set_threads(self, environment: dict[bytes, bytes]) -> None:
        """Start as many threads as the variables ask for; the zygote has one of each kind."""
        processors = len(os.sched_getaffinity(0))
        openmp = int(environment.get(b"OMP_NUM_THREADS", processors))
        blas = {
            "openblas": int(environment.get(b"OPENBLAS_NUM_THREADS", openmp)),
            "mkl": int(environment.get(b"MKL_NUM_THREADS", openmp)),
        }
        for pool in self._thread_pools:
            wanted = openmp if pool.user_api == "openmp" else blas.get(pool.internal_api, openmp)
            if wanted != 1:
                pool.set_num_threads(wanted)

    def show_command_line(self, words: Sequence[bytes], assignments: Sequence[bytes] = ()) -> None:
        """Have /proc, and so ``ps`` and ``pkill -f``, show these words instead of the zygote's."""
        libc.prctl(PR_SET_NAME, os.path.basename(words[0]), 0, 0, 0)
        arguments = b"".join(word + b"\0" for word in words)
        variables = b"".join(word + b"\0" for word in assignments)
        text = ctypes.create_string_buffer(arguments + variables)
        start = ctypes.addressof(text)
        middle, end = start + len(arguments), start + len(arguments) + len(variables)
        addresses = [*self._layout, libc.sbrk(0), self._stack, start, middle, middle, end]
        layout = _Map(*addresses, None, 0, 0xFFFFFFFF)
        size = ctypes.c_ulong(ctypes.sizeof(layout))
        if libc.prctl(PR_SET_MM, PR_SET_MM_MAP, ctypes.byref(layout), size, 0) == 0:
            self._kept.append(text)

    def _restore_signals(self, request: Request) -> None:
        for number in _CATCHABLE:
            ignored = request.ignored >> (number - 1) & 1
            if ignored or number in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_IGN)
            elif number == signal.SIGINT:
                signal.signal(number, signal.default_int_handler)
            elif signal.getsignal(number) is not signal.SIG_DFL:
                signal.signal(number, signal.SIG_DFL)
        blocked = [n for n in _CATCHABLE if request.blocked >> (n - 1) & 1]
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _replace_environment(environment: dict[bytes, bytes]) -> None:
    os.environ.clear()
    for name, value in environment.items():
        os.environb[name] = value
    initial = sys.modules["posix"].environ
    initial.clear()
    initial.update(environment)


def _reseed() -> None:
    """Start random numbers from this process's own entropy."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _new_identity() -> None:
    """Make a new key for multiprocessing, which must differ between sandboxes."""
    current: Any = multiprocessing.process.current_process()
    current.authkey = os.urandom(32)
    set_native_id = getattr(threading.main_thread(), "_set_native_id", None)
    if set_native_id is not None:
        set_native_id()
