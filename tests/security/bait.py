"""What an attacker wants, where unconfined programs find it: files, processes, servers."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import mle_gym
from mle_gym.datasets.keys import KEY_FILE, SECRET
from mle_gym.datasets.stored_split import SPLIT_FILE
from mle_gym.paths import PACKAGE, cache_folder
from mle_gym.sandbox.installation.python_installation import describe_python
from mle_gym.sandbox.installation.python_layout import layout_of
from mle_gym.tasks.catalog import load_task

TASK = "zoo"

OPENML = "sklearn/datasets/tests/data/openml"
RAW_DATA = {
    "breast-cancer": ["sklearn/datasets/data/breast_cancer.csv"],
    "chess-endgame": [f"{OPENML}/id_3/data-v1-dl-3.arff.gz"],
    "cpu-performance": [f"{OPENML}/id_561/data-v1-dl-52739.arff.gz"],
    "diabetes": [f"sklearn/datasets/data/diabetes_{n}.csv.gz" for n in ("data_raw", "target")],
    "digits": ["sklearn/datasets/data/digits.csv.gz"],
    "glass": [f"{OPENML}/id_40675/data-v1-dl-4965250.arff.gz"],
    "iris-pipeline": [
        "sklearn/datasets/data/iris.csv",
        f"{OPENML}/id_61/data-v1-dl-61.arff.gz",
        "scipy/io/arff/tests/data/iris.arff",
    ],
    "penguins": [f"{OPENML}/id_42585/data-v1-dl-21854866.arff.gz"],
    "titanic": [f"{OPENML}/id_40945/data-v1-dl-16826755.arff.gz"],
    "wine": ["sklearn/datasets/data/wine_data.csv"],
    "zoo": [f"{OPENML}/id_62/data-v1-dl-52352.arff.gz"],
}
"""Where the usual packages carry the raw data of tasks, below ``site-packages``."""

_VICTIM = """
import mmap, sys
file = open("secret.csv", "rb")
memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
print("ready", flush=True)
sys.stdin.read()
"""


class Bait:
    """A secret word and the places where it can be found.

    ``variables`` tells attacks where these are. The word itself is in two pieces there, so that a
    program that looks for it does not find itself.
    """

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.word = f"{uuid.uuid4().hex}{uuid.uuid4().hex}"
        self._stack = stack
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bait-")))
        self.secret = self.folder / "secret.csv"
        self.secret.write_text(f"id,label\n1,{self.word}\n")
        self._set_secret()
        half = len(self.word) // 2
        self.variables = {
            "WORD_A": self.word[:half],
            "WORD_B": self.word[half:],
            "SECRET": str(self.secret),
            "NAME": f"planted-{uuid.uuid4().hex[:8]}",
            "TMP": tempfile.gettempdir(),
            "PACKAGE": str(PACKAGE),
            **self._task(),
            **self._home(),
            **self._process(),
            **self._servers(),
        }

    def _task(self) -> dict[str, str]:
        task, dataset = load_task(TASK), mle_gym.prepare(TASK)
        packages = Path(sysconfig.get_path("purelib"))
        shown = layout_of(describe_python(None))(packages)
        return {
            "ANSWERS": str(dataset.private / "answers.csv"),
            "CACHE": str(cache_folder()),
            "RAW": str(packages / RAW_DATA[TASK][0]),
            "RAW_SHOWN": str(shown / RAW_DATA[TASK][0]),
            "SOLUTION": str(task.folder / "solution.py"),
            "KEY": str(task.folder / KEY_FILE),
            "SPLIT": str(task.folder / SPLIT_FILE),
        }

    def _home(self) -> dict[str, str]:
        descriptor, path = tempfile.mkstemp(dir=Path.home())
        self._stack.callback(os.unlink, path)
        os.write(descriptor, self.word.encode())
        os.close(descriptor)
        return {"HOME_FILE": path}

    def _process(self) -> dict[str, str]:
        """With the word in its arguments, variables, memory, open files and working directory."""
        victim = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _VICTIM, self.word],
            cwd=self.folder,
            env={"SECRET_TOKEN": self.word},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert victim.stdin
        assert victim.stdout
        for item in (victim, victim.stdout, victim.stdin):
            self._stack.enter_context(item)
        assert victim.stdout.readline() == b"ready\n"
        return {"VICTIM": str(victim.pid)}

    def _set_secret(self) -> None:
        """The word is also the secret of variants, which is a variable of the host process."""
        patch = pytest.MonkeyPatch()
        patch.setenv(SECRET, self.word)
        self._stack.callback(patch.undo)

    def _servers(self) -> dict[str, str]:
        abstract = f"bait-{uuid.uuid4().hex}"
        path = self.folder / "socket"
        tcp = socket.create_server(("", 0))
        udp = socket.socket(type=socket.SOCK_DGRAM)
        udp.bind(("", 0))
        by_name, by_path = (socket.socket(socket.AF_UNIX) for _ in range(2))
        by_name.bind(f"\0{abstract}")
        by_path.bind(str(path))
        for server in (tcp, by_name, by_path):
            server.listen()
            self._serve(server, self._welcome)
        self._serve(udp, self._reply)
        return {
            "PORT": str(tcp.getsockname()[1]),
            "UDP_PORT": str(udp.getsockname()[1]),
            "ADDRESS": own_address(),
            "ABSTRACT": abstract,
            "SOCKET": str(path),
        }

    def _serve(self, server: socket.socket, answer: object) -> None:
        server.settimeout(0.2)
        over = threading.Event()

        def loop() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError):
                    answer(server)  # type: ignore[operator]

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        self._stack.callback(server.close)
        self._stack.callback(thread.join)
        self._stack.callback(over.set)

    def _welcome(self, server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(self.word.encode())

    def _reply(self, server: socket.socket) -> None:
        _, sender = server.recvfrom(100)
        server.sendto(self.word.encode(), sender)


def own_address() -> str:
    """This machine's on its network, or the local one where there is none."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


@contextlib.contextmanager
def laid_out() -> Iterator[Bait]:
    """Bait that is gone afterwards. This process's own environment has the word too."""
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        bait = Bait(stack)
        patch.setitem(os.environ, "SECRET_TOKEN", bait.word)
        yield bait
