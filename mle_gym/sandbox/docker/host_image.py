"""Makes an image's root folder, as a tar archive, from this machine: for hosts without a registry.

It looks like the one that ``docker/Dockerfile`` makes: ``/usr/local/bin/python3`` with its packages
in ``/usr/local/lib``, the usual programs in ``/usr/bin``. Python's own files keep their paths,
because not every build of Python can be moved; ``/usr/local`` is a virtual environment on top of
them. The shared libraries are those that ``ldd`` names.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from mle_gym.errors import SandboxUnavailable
from mle_gym.sandbox.installation.package_folders import files_of
from mle_gym.sandbox.installation.packages import shown_packages
from mle_gym.sandbox.installation.python_installation import describe_python

__all__ = ["write_root"]

_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")
_SYSTEM_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_PROGRAMS = """
    bash sh dash [ arch b2sum base32 base64 basename basenc cat chgrp chmod chown cksum comm cp
    csplit cut date dd df dir dircolors dirname du echo env expand expr factor false fmt fold
    groups head hostid id install join link ln logname ls md5sum mkdir mkfifo mknod mktemp mv
    nice nl nohup nproc numfmt od paste pathchk pr printenv printf ptx pwd readlink realpath rm
    rmdir seq sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat
    stdbuf stty sum sync tac tail tee test timeout touch tr true truncate tsort tty uname
    unexpand uniq unlink users vdir wc who whoami yes find xargs grep egrep fgrep sed awk mawk
    gawk diff diff3 cmp sdiff tar gzip gunzip zcat bzip2 bunzip2 xz unxz zip unzip ps pgrep
    pkill kill free top uptime watch which file less more setsid renice flock hostname getent
    locale column tree jq hexdump xxd bc
"""
_ESSENTIAL = ("bash", "sh", "cat", "env", "ls", "mkdir", "rm")
_EXTRA_LIBRARIES = ("libgcc_s.so.1", "libnss_files.so.2", "libnss_dns.so.2")
"""Libraries that are opened at run time, so ldd doesn't name them."""
_DATA = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/magic", "/usr/lib/locale/C.utf8")
_UNNEEDED = (
    "site-packages",
    "dist-packages",
    "test",
    "idlelib",
    "tkinter",
    "turtledemo",
    "__phello__",
)
_TEXTS = {
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nagent:x:1000:1000::/tmp:/bin/bash\n",
    "/etc/group": "root:x:0:\nagent:x:1000:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
_EMPTY_FOLDERS = {
    "/dev": (0o755, 0),
    "/proc": (0o755, 0),
    "/sys": (0o755, 0),
    "/root": (0o755, 0),
    "/opt/mle-gym": (0o755, 0),
    "/run/mle-gym": (0o755, 1000),
    "/workspace": (0o755, 1000),
    "/tmp": (0o1777, 0),
    "/var/tmp": (0o1777, 0),
}
_SITE = f"/usr/local/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
_LIBRARY = re.compile(r"^\s+(?:\S+ => )?(/.+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_LDD_AT_ONCE = 64

Report = Callable[[str], None]


def write_root(archive: IO[bytes], report: Report, packages: tuple[str, ...] = ()) -> None:
    """Write the root folder to ``archive``.

    Args:
        archive: An empty file.
        report: Called with each line of progress.
        packages: Distributions to take along beside the usual ones.

    Raises:
        SandboxUnavailable: A program or package that is needed is not installed here.
    """
    root = _Root()
    _add_system(root)
    _add_python(root)
    report("collecting packages: " + ", ".join(_add_packages(root, packages)))
    report(f"asking ldd which libraries {len(root.files)} files need")
    _add_libraries(root)
    report(f"writing {len(root.files)} files")
    root.write(archive)


class _Root:
    """The files, links and texts that the root folder will have, by their paths."""

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        self.links: dict[str, str] = {}
        self.texts: dict[str, str] = dict(_TEXTS)

    def add(self, path: Path) -> None:
        """Add a file under its own path: the real file, and the link that leads to it, if any."""
        real = path.resolve()
        name = path.parent.resolve() / path.name
        self.files[str(real)] = real
        if name != real:
            self.links[str(name)] = str(real)

    def add_folder(self, folder: Path, unneeded: tuple[str, ...] = ()) -> None:
        """Add every file below a folder, under its own path."""
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            if path.is_file() and parts[0] not in unneeded and not parts[0].startswith("config-"):
                self.files[str(path)] = path

    def write(self, archive: IO[bytes]) -> None:
        """Write everything, owned by root and readable by all; ``archive`` is left at its end."""
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in self._folders():
                mode, owner = _EMPTY_FOLDERS.get(name, (0o755, 0))
                tar.addfile(_entry(name, tarfile.DIRTYPE, mode, owner))
            for name, target in sorted(self.links.items()):
                entry = _entry(name, tarfile.SYMTYPE, 0o777)
                entry.linkname = target
                tar.addfile(entry)
            for name, text in sorted(self.texts.items()):
                entry = _entry(name, tarfile.REGTYPE, 0o644)
                entry.size = len(text.encode())
                tar.addfile(entry, io.BytesIO(text.encode()))
            for name, path in sorted(self.files.items()):
                with path.open("rb") as file:
                    information = path.stat()
                    entry = _entry(
                        name, tarfile.REGTYPE, 0o755 if information.st_mode & 0o111 else 0o644
                    )
                    entry.size, entry.mtime = information.st_size, int(information.st_mtime)
                    tar.addfile(entry, file)

    def _folders(self) -> list[str]:
        names = [*self.files, *self.links, *self.texts, *(f"{name}/." for name in _EMPTY_FOLDERS)]
        parents = {str(parent) for name in names for parent in Path(name).parents}
        parents |= set(_EMPTY_FOLDERS)
        return sorted(parents - {"/"} - set(self.links))


def _entry(name: str, kind: bytes, mode: int, owner: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name.lstrip("/"))
    entry.type, entry.mode, entry.uid, entry.gid = kind, mode, owner, owner
    entry.mtime = int(time.time())
    return entry


def _add_system(root: _Root) -> None:
    """Add the usual programs, and a little of what they read."""
    for name in _SYSTEM_LINKS:
        if Path(name).is_symlink():
            root.links[name] = str(Path(name).readlink())
    for name in _PROGRAMS.split():
        found = shutil.which(name, path=":".join(_FOLDERS))
        if found:
            root.add(Path(found))
        elif name in _ESSENTIAL:
            raise SandboxUnavailable(f"the program {name!r} is not in any of {', '.join(_FOLDERS)}")
    if not Path("/bin/bash").exists():
        root.links["/bin/bash"] = str(Path(shutil.which("bash") or "").resolve())
    for name in _DATA:
        path = Path(name)
        if path.is_dir():
            root.add_folder(path)
        elif path.is_file():
            root.add(path)


def _add_python(root: _Root) -> None:
    """Add the interpreter, its standard library, and a virtual environment on top of them."""
    executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    root.files[str(executable)] = executable
    root.add_folder(Path(sysconfig.get_path("stdlib")).resolve(), _UNNEEDED)
    names = ("python", "python3", f"python{sys.version_info.major}.{sys.version_info.minor}")
    for name in names:
        if f"/usr/local/bin/{name}" != str(executable):
            root.links[f"/usr/local/bin/{name}"] = str(executable)
    if Path(sys.base_prefix) != Path("/usr/local"):
        number = ".".join(str(part) for part in sys.version_info[:3])
        root.texts["/usr/local/pyvenv.cfg"] = (
            f"home = {executable.parent}\nversion = {number}\n"
            "include-system-site-packages = false\n"
        )


# -------------------------------------------------------------------------------------- packages


def _add_packages(root: _Root, added: tuple[str, ...] = ()) -> list[str]:
    """Add what sandboxes show of this Python's packages; returns their names and versions."""
    shown = shown_packages(describe_python(None), added)
    for name in ("numpy", "pandas", "scikit-learn"):
        if name not in shown.versions:
            raise SandboxUnavailable(f"{name} is not installed beside {sys.executable}")
    for distribution in shown.distributions:
        for name, path in files_of(distribution):
            root.files[f"{_SITE}/{name}"] = path
    return [f"{name} {version}" for name, version in shown.versions.items()]


# ------------------------------------------------------------------------------------- libraries


def _add_libraries(root: _Root) -> None:
    known = {path.resolve() for path in root.files.values()}
    libraries = {path for path in _libraries(root.files.values()) if path.resolve() not in known}
    for library in sorted(libraries):
        root.add(library)
        for name in _EXTRA_LIBRARIES if library.name.startswith("libc.so") else ():
            if (library.parent / name).exists():
                root.add(library.parent / name)


def _libraries(files: Iterable[Path]) -> Iterator[Path]:
    programs = [str(path) for path in files if _is_elf(path)]
    for start in range(0, len(programs), _LDD_AT_ONCE):
        command = ["ldd", *programs[start : start + _LDD_AT_ONCE]]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as error:
            raise SandboxUnavailable(f"ldd can't be run: {error}") from None
        for found in _LIBRARY.finditer(answer.stdout):
            yield Path(found[1])


def _is_elf(path: Path) -> bool:
    if path.suffix in (".py", ".pyc", ".pyi", ".txt", ".csv"):
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
