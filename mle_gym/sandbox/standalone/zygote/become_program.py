"""Turns a fork of the zygote into what a new interpreter would be, and runs the program in it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import linecache
import multiprocessing.process
import os
import random
import signal
import site
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import BuiltinImporter, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from ..shared.system_calls import (
    PR_SET_DUMPABLE,
    PR_SET_MM,
    PR_SET_MM_MAP,
    PR_SET_NAME,
    libc,
    prctl,
)
from .shim_request import Command, Request

OUT_OF_MEMORY_SCORE = b"500"
"""What a command's shell has: the runner survives when memory runs out."""
_getppid = os.getppid
_CATCHABLE = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})


class _Program(ctypes.Structure):
    """``struct program`` of ``program.c``."""

    _fields_ = (
        ("code", ctypes.c_char_p),
        ("filename", ctypes.c_char_p),
        ("file", ctypes.c_void_p),
        ("function", ctypes.py_object),
        ("arguments", ctypes.py_object),
        ("flags", ctypes.c_int),
        ("minor_version", ctypes.c_int),
        ("globals", ctypes.c_void_p),
        ("remember_source", ctypes.py_object),
        ("exit_code", ctypes.py_object),
        ("clean_up", ctypes.py_object),
        ("interrupted", ctypes.c_int),
    )


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
    """What the zygote finds out once for all programs."""

    def __init__(self, library: str, thread_pools: list[Any]) -> None:
        """Load what every program needs.

        Args:
            library: ``program.c`` and ``handover.c``, compiled.
            thread_pools: Controllers of threadpoolctl for the loaded libraries.
        """
        functions = ctypes.PyDLL(library)
        self._play, self._hand_over = functions.play, functions.hand_over
        self._play.argtypes = [ctypes.POINTER(_Program)]
        self._hand_over.argtypes = [ctypes.POINTER(_Handover)]
        self._thread_pools = thread_pools
        self._clean_up = _CleanUp()
        self._run_module = import_module("runpy").__dict__["_run_module_as_main"]
        self._kept: list[Any] = []
        libc.fopen.restype = libc.sbrk.restype = ctypes.c_void_p
        self._stdin = ctypes.c_void_p.in_dll(libc, "stdin")
        with open("/proc/self/stat", "rb") as file:
            fields = [b"", b"", *file.read().rpartition(b")")[2].split()]
        self._layout = [int(fields[n - 1]) for n in (26, 27, 45, 46, 47)]
        self._stack = int(fields[27])

    def rehearse(self, own: Request, command: Command) -> None:
        """Take a program's first steps: the pages that they write need not be copied later.

        Args:
            own: Asks for what this process has already.
            command: Of the same.
        """
        places = list(sys.path)
        self._take_on(own, command)
        self.show_command_line(own.arguments, own.variables)
        self._prepare(own, command)
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
        self._take_on(request, command)
        self.show_command_line(request.arguments, request.variables)
        program = self._prepare(request, command)
        self._restore_signals(request)
        self._play(ctypes.byref(program))

    # ------------------------------------------------------------------------------ the process

    def _take_on(self, request: Request, command: Command) -> None:
        """Everything that a process inherits or a library reads as it is loaded."""
        prctl(PR_SET_DUMPABLE, 1)
        with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
            file.write(OUT_OF_MEMORY_SCORE)
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
        """The parent is outside of the process namespace and reads 0; who asks means the shell."""
        own = os.getpid()

        def getppid() -> int:
            return shim_parent if os.getpid() == own else _getppid()

        os.getppid = getppid

    def _set_threads(self, environment: dict[bytes, bytes]) -> None:
        """As many as the variables ask for; the zygote has one of each."""
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
        """Have /proc, and so ``ps`` and ``pkill -f``, show these words and not the zygote's."""
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

    # -------------------------------------------------------------------------- the interpreter

    def _prepare(self, request: Request, command: Command) -> _Program:
        """Set up ``sys`` and ``__main__`` as a new interpreter does."""
        _open_standard_streams(command.unbuffered)
        _find_user_site()
        sys.path[:] = [place for place in sys.path if _is_there(place)]
        sys.argv[:] = [os.fsdecode(word) for word in command.arguments]
        if sys.version_info >= (3, 10):
            sys.orig_argv[:] = [os.fsdecode(word) for word in request.arguments]
        _set_executable(os.path.basename(os.fsdecode(request.arguments[0])))
        sys.path.insert(0, _first_place(command))
        names = _new_main()
        program = _Program(
            globals=id(names),  # nothing of ours may keep it alive when the program is over
            remember_source=_SourceOf(command.target),
            exit_code=_exit_code,
            clean_up=self._clean_up,
            minor_version=sys.version_info.minor,
        )
        return self._fill_in(program, command, names)

    def _fill_in(self, program: _Program, command: Command, names: dict[str, Any]) -> _Program:
        if command.form == "code":
            program.code = command.target
        elif command.form == "module":
            program.function, program.arguments = (
                self._run_module,
                (os.fsdecode(command.target), True),
            )
        else:
            name = b"<stdin>"
            program.file = self._stdin
            if command.form == "script":
                name = _absolute(command.target)
                program.file = libc.fopen(name, b"rb")
                names["__loader__"] = SourceFileLoader("__main__", os.fsdecode(name))
            program.filename = name
            names["__file__"], names["__cached__"] = os.fsdecode(name), None
        return program


def _new_main() -> dict[str, Any]:
    """The name space of a new module ``__main__``."""
    old, main = sys.modules["__main__"], ModuleType("__main__")
    sys.modules["__main__"] = main
    names = vars(main)
    names["__loader__"], names["__builtins__"] = BuiltinImporter, vars(old)["__builtins__"]
    if sys.version_info < (3, 14):  # made when they are asked for from then on
        names["__annotations__"] = {}
    return names


class _SourceOf:
    """Has tracebacks show the lines of what ``-c`` was given, as Python 3.13 and later do."""

    def __init__(self, source: bytes) -> None:
        self._source = source

    def __call__(self, code: CodeType) -> None:
        if sys.version_info < (3, 13):
            return
        text = self._source.decode(errors="surrogateescape")
        # 3.13.0 asks for the file's name where later versions ask for the code.
        by_code = hasattr(linecache, "_interactive_cache")
        register: Any = linecache.__dict__["_register_code"]
        register(code if by_code else "<string>", text, "<string>")


def _exit_code(error: SystemExit) -> int:
    """What the interpreter makes of a ``SystemExit``."""
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return ctypes.c_int(code).value
    if sys.stderr is not None:
        sys.stderr.write(str(code))
        sys.stderr.write("\n")
    return 1


class _CleanUp:
    """Takes the program's own modules apart, as the interpreter does with all of them at its end.

    Destructors run, and what they print is seen. The preloaded modules are left alone.
    """

    def __init__(self) -> None:
        self._preloaded = frozenset(sys.modules) - {"__main__"}
        self._last = sys.modules[next(reversed(sys.modules))]

    def __call__(self) -> None:
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            if hasattr(sys, name):
                setattr(sys, name, None)
        left = []
        for name in self._names():
            with contextlib.suppress(TypeError):
                left.append(weakref.ref(sys.modules[name]))
            del sys.modules[name]
        gc.collect()
        for reference in reversed(left):
            module = reference()
            if module is not None:
                _clear(vars(module))
        gc.collect()

    def _names(self) -> list[str]:
        """Of the program's own modules, in order.

        They come after the preloaded ones, which are not even looked at: counting a reference
        copies a page of memory, and there are thousands.
        """
        found = []
        for name, module in reversed(sys.modules.items()):
            if module is self._last:
                break
            if name not in self._preloaded:
                found.append(name)
        return ["__main__", *reversed(found)]


def _clear(names: dict[str, Any]) -> None:
    """Names with one leading underscore first, then all but the built-ins."""
    for name in list(names):
        if name[:1] == "_" and name[:2] != "__":
            names[name] = None
    for name in list(names):
        if name != "__builtins__":
            names[name] = None


def _replace_environment(environment: dict[bytes, bytes]) -> None:
    os.environ.clear()
    for name, value in environment.items():
        os.environb[name] = value
    initial = sys.modules["posix"].environ
    initial.clear()
    initial.update(environment)


def _reseed() -> None:
    """Random numbers start from entropy of this process's own."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _new_identity() -> None:
    """The key with which multiprocessing authenticates must not be every sandbox's."""
    current: Any = multiprocessing.process.current_process()
    current.authkey = os.urandom(32)
    set_native_id = getattr(threading.main_thread(), "_set_native_id", None)
    if set_native_id is not None:
        set_native_id()


def _open_standard_streams(unbuffered: bool) -> None:
    """The same objects, with the same parameters, that the interpreter makes."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)
        mode = "rb" if number == 0 else "wb"
        buffering = 0 if unbuffered and number else -1
        binary: Any = open(number, mode, buffering=buffering, closefd=False)  # noqa: SIM115
        raw = binary.raw if buffering else binary
        raw.name = f"<{name}>"
        stream: Any = io.TextIOWrapper(
            binary,
            encoding=old.encoding,
            errors=old.errors,
            newline="\n",
            line_buffering=number == 2 and not unbuffered,
            write_through=unbuffered,
        )
        stream.mode = mode[0]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _set_executable(name: str) -> None:
    """The interpreter's path, by the name that it was called by."""
    for attribute in ("executable", "_base_executable"):
        path = os.path.join(os.path.dirname(getattr(sys, attribute)), name)
        if os.path.exists(path):
            setattr(sys, attribute, path)


def _find_user_site() -> None:
    """Where packages of the user would be depends on ``HOME``."""
    if site.ENABLE_USER_SITE is not None:
        site.USER_BASE = site.USER_SITE = None
        site.getusersitepackages()
        known = getattr(sys.modules.get("sysconfig"), "_CONFIG_VARS", None)
        if known and known.get("userbase"):
            known["userbase"] = site.USER_BASE


def _is_there(place: str) -> bool:
    """Whether a new interpreter in the sandbox would have this on its path."""
    return place.startswith(sys.base_prefix) or os.path.exists(place)


def _absolute(path: bytes) -> bytes:
    """As the interpreter makes a script's path absolute: not normalised."""
    if path.startswith(b"/"):
        return path
    return os.getcwdb().rstrip(b"/") + b"/" + path


def _first_place(command: Command) -> str:
    """What ``sys.path`` begins with."""
    if command.form == "script":
        return os.path.dirname(os.path.realpath(os.fsdecode(command.target)))
    return os.getcwd() if command.form == "module" else ""
