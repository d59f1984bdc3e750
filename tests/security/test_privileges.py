"""Raising privileges: setuid programs, capabilities, namespaces, and odd system calls."""

from __future__ import annotations

import platform

import pytest

from tests.security.arena import Arena
from tests.security.attack import CALLS, python, reaches, shell
from tests.security.suites import both_ways

ATTACKS = [
    # Without the filter, any user may do these.
    reaches("add_key", "b'user', b'name', b'secret', 6, -3"),
    reaches("request_key", "b'user', b'name', None, -3"),
    reaches("keyctl", "0, -3, 1"),
    reaches("io_uring_setup", "4, ctypes.create_string_buffer(120)", optional=True),
    reaches("userfaultfd", "1", optional=True),
    reaches("perf_event_open", "None, 0, -1, -1, 0", optional=True),
    reaches("process_vm_readv", "os.getpid(), None, 0, None, 0, 0"),
    reaches("process_vm_writev", "os.getpid(), None, 0, None, 0, 0"),
    reaches("kcmp", "os.getpid(), os.getpid(), 0, 0, 0", optional=True),
    reaches("pidfd_getfd", "os.pidfd_open(os.getpid()), 0, 0"),
    reaches("name_to_handle_at", "-100, b'/tmp', ctypes.create_string_buffer(8), "
            "ctypes.create_string_buffer(8), 0"),
    reaches("modify_ldt", "0, ctypes.create_string_buffer(16), 16", optional=True),
    reaches("get_mempolicy", "None, None, 0, None, 0", optional=True),
    reaches("move_pages", "0, 0, None, None, None, 0", optional=True),
    reaches("remap_file_pages", "0, 0, 0, 0, 0", optional=True),
    reaches("io_setup", "1, ctypes.byref(ctypes.c_ulong())", optional=True),
    reaches("clone3", "None, 0"),
    reaches("personality", "0x0040000"),
    python("tracing a child", """
        child = os.fork()
        if child == 0:
            pwned(libc.ptrace(0, 0, 0, 0) == 0)
            os._exit(0)
        os.waitpid(child, 0)
        """, "without filter"),
    python("typing into a terminal", """
        import fcntl, pty, termios
        child, terminal = pty.fork()
        if child == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSTI, b"x")
            except OSError as error:
                os._exit(error.errno)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        # EIO: the kernel has been told (dev.tty.legacy_tiocsti) to refuse it itself.
        pwned(status in (0, errno.EIO))
        """, "without filter"),
    python("keeping others from opening a file", """
        import fcntl
        with open("leased", "w") as file:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            pwned(fcntl.fcntl(file, fcntl.F_GETLEASE) == fcntl.F_WRLCK)
        """, "without filter"),
    python("having a folder watched", """
        import fcntl
        fcntl.fcntl(os.open("/", os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_CREATE)
        pwned()
        """, "without filter", optional=True),
    # More than one defence stops these: the filter and the namespace's own limit.
    shell("a user namespace", "unshare -Ur true && pwned", "with user namespaces"),
    shell("mounts of its own", "unshare -Urm mount -t tmpfs none /tmp && pwned",
          "with user namespaces"),
    python("clone with a namespace", f"""
        child = libc.syscall({CALLS.get("clone", -1)}, 0x10000011, None, None, None, None)
        if child == 0:
            os._exit(0)
        pwned(child > 0)
        """, "with user namespaces"),
    # These also require capabilities, so they are shown to work only as root.
    reaches("mount", "None, None, None, 0, None", "subprocess", root=True, optional=True),
    reaches("umount2", "b'/nowhere', 0", "subprocess", root=True, optional=True),
    reaches("pivot_root", "b'/nowhere', b'/nowhere'", "subprocess", root=True, optional=True),
    reaches("chroot", "b'/nowhere'", "subprocess", root=True, optional=True),
    reaches("setns", "-1, 0", "subprocess", root=True, optional=True),
    reaches("move_mount", "-1, b'', -1, b'', 0", "subprocess", root=True, optional=True),
    reaches("open_tree", "-1, b'x', 1", "subprocess", root=True, optional=True),
    reaches("fsopen", "b'nothing', 0", "subprocess", root=True, optional=True),
    reaches("mount_setattr", "-1, b'x', 0, None, 0", "subprocess", root=True, optional=True),
    reaches("open_by_handle_at", "-1, None, 0", "subprocess", root=True, optional=True),
    reaches("bpf", "99, None, 0", "subprocess", root=True, optional=True),
    reaches("init_module", "None, 0, None", "subprocess", root=True, optional=True),
    reaches("finit_module", "-1, None, 0", "subprocess", root=True, optional=True),
    reaches("delete_module", "b'no-such-module', 0x800", "subprocess", root=True, optional=True),
    reaches("kexec_load", "0, 99, None, 0xFF", "subprocess", root=True, optional=True),
    reaches("swapon", "b'/nowhere', 0", "subprocess", root=True, optional=True),
    reaches("swapoff", "b'/nowhere'", "subprocess", root=True, optional=True),
    reaches("acct", "b'/nowhere'", "subprocess", root=True, optional=True),
    reaches("quotactl", "0x80000100, b'/nowhere', 0, None", "subprocess", root=True, optional=True),
    reaches("syslog", "10, None, 0", "subprocess", root=True, optional=True),
    reaches("fanotify_init", "0, 0", "subprocess", root=True, optional=True),
    reaches("settimeofday", "None, 1", "subprocess", root=True, optional=True),
    reaches("sethostname", "None, -1", "subprocess", root=True, optional=True),
    # The usual ways to become somebody else.
    python("becoming root", "os.setuid(0); pwned()", root=True),
    shell("a setuid program", "su -c true </dev/null && pwned", root=True),
    python("giving a file away", """
        open("mine", "w").close()
        os.chown("mine", 12345, 12345)
        pwned()
        """, root=True),
    python("making a device", "os.mknod('device', 0o20666, os.makedev(1, 3)); pwned()", root=True),
    python("gaining privileges by execve", "pwned(libc.prctl(39, 0, 0, 0, 0) == 0)"),
    python("capabilities that could come back",
           "pwned(any(libc.prctl(23, n, 0, 0, 0) == 1 for n in range(41)))"),
    python("real-time priority", "os.sched_setscheduler(0, 1, os.sched_param(1)); pwned()",
           root=True, optional=True),
    python("more processor time than others", "os.nice(-1); pwned()", root=True),
    python("surviving memory shortage", """
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("-999")
        pwned()
        """, root=True, optional=True),
]  # fmt: skip


test_it_fails, test_it_works_without_the_defence = both_ways(ATTACKS)


OTHER_INTERFACE = """
import ctypes, mmap
# mov eax, 20 (getpid of 32-bit programs); int 0x80; ret
code = b"\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3"
memory = mmap.mmap(-1, 4096, prot=7)
memory.write(code)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
print("P" + "ID", ctypes.CFUNCTYPE(ctypes.c_int)(address)())
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="machine code of x86-64")
def test_calls_of_32_bit_programs_end_the_program(arena: Arena) -> None:
    output = arena.run(f"python3 -I -S - <<'END'\n{OTHER_INTERFACE}\nEND\necho status $?")
    assert "PID" not in output
    assert "status 159" in output  # killed by SIGSYS; without 32-bit support it would be SIGSEGV
