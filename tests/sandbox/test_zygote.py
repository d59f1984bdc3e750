"""The zygote: what it does before it forks leaves no trace, and no sandbox ends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mle_gym.sandbox.command_variables import THREAD_VARIABLES
from mle_gym.sandbox.sandbox_config import PRELOAD
from mle_gym.sandbox.standalone.start_commands import FOLDER

LOOK = """
import json, os, random, sys, threading, warnings
from importlib import import_module

for name in json.loads(sys.argv[1]):
    import_module(name)
sys.path.append(sys.argv[2])
from standalone.zygote import warm_up

def look():
    import joblib, numpy, pandas, sklearn
    from sklearn.utils import _openmp_helpers
    modules = list(sys.modules.values())
    return {
        "random numbers": [repr(random.getstate()), repr(numpy.random.get_state())],
        "warnings": [repr(warnings.filters), repr(warnings.onceregistry)],
        "warned": sum(len(getattr(m, "__warningregistry__", ())) for m in modules),
        "libraries": sorted({name.partition(".")[0] for name in sys.modules}),
        "threads": [threading.active_count(), len(os.listdir("/proc/self/task"))],
        "opened": sorted(os.listdir("/proc/self/fd")),
        "variables": dict(os.environ),
        "settings": [numpy.geterr(), numpy.get_printoptions(), sklearn.get_config()],
        "tables": repr(pandas.describe_option(_print_desc=False)),
        "processors": [
            _openmp_helpers._CPU_COUNTS,
            joblib.externals.loky.backend.context.physical_cores_cache,
        ],
        "folder": [os.getcwd(), os.listdir()],
    }

look()
before = look()
warm_up.exercise()
print(json.dumps([before, look()], default=repr))
"""

USE = """
import json, sys, warnings
from importlib import import_module

for name in json.loads(sys.argv[1]):
    import_module(name)
sys.path.append(sys.argv[2])
from standalone.zygote import warm_up

warnings.simplefilter("error")
for needed, use in warm_up.USES:
    assert all(name in sys.modules for name in needed), needed
    use(*map(import_module, needed))
"""


def run(program: str, folder: Path) -> str:
    command = [sys.executable, "-c", program, json.dumps(PRELOAD), str(FOLDER.parent)]
    variables = dict(os.environ) | dict.fromkeys(THREAD_VARIABLES, "1")
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow("the zygote's libraries are all looked at")
def test_nothing_that_a_program_can_see_is_changed(tmp_path: Path) -> None:
    before, after = json.loads(run(LOOK, tmp_path))
    for name, value in before.items():
        assert after[name] == value, name


@pytest.mark.slow("it uses every library of the zygote")
def test_every_use_works_and_warns_of_nothing(tmp_path: Path) -> None:
    run(USE, tmp_path)


DEAD_BOX = """
import json, os, socket, sys
sys.path.append(sys.argv[1])
from standalone.zygote.parent import Zygote

ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
runner, usage = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
runner.close()
order = {"id": 1, "uid": 0, "groups": [], "processes": 9}
listener = socket.socket(socket.AF_UNIX)
listener.bind("line")
folder = os.open("/proc/self/ns", os.O_PATH)
socket.send_fds(ours, [json.dumps(order).encode()], [listener.fileno(), folder, usage.fileno()])
ours.shutdown(socket.SHUT_WR)
zygote = Zygote(theirs, None)
assert zygote._obey()
assert not zygote._obey()
"""


def test_a_zygote_survives_a_sandbox_that_died_before_it_heard_of_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DEAD_BOX, str(FOLDER.parent)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


GONE_BOX = """
import json, os, socket, sys
sys.path.append(sys.argv[1])
from standalone.zygote.parent import Zygote

class Idle:
    def live(self, line):
        os._exit(0)

ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
runner, usage = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener = socket.socket(socket.AF_UNIX)
listener.bind("line")
listener.listen()
shim = socket.socket(socket.AF_UNIX)
shim.connect("line")
order = {"id": 1, "uid": 0, "groups": [], "processes": 9}
folder = os.open("/proc/self/ns", os.O_PATH)
socket.send_fds(ours, [json.dumps(order).encode()], [listener.fileno(), folder, usage.fileno()])
ours.send(json.dumps({"forget": 1}).encode())
ours.shutdown(socket.SHUT_WR)
Zygote(theirs, Idle()).serve()
"""


def test_a_zygote_survives_a_sandbox_that_ends_as_it_calls(tmp_path: Path) -> None:
    command = [sys.executable, "-c", GONE_BOX, str(FOLDER.parent)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


FULL_LINE = """
import json, os, socket, sys
sys.path.append(sys.argv[1])
from standalone.zygote.parent import Zygote

ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
runner, usage = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    while True:
        usage.send(bytes(24), socket.MSG_DONTWAIT)
except BlockingIOError:
    pass
order = {"id": 1, "uid": 0, "groups": [], "processes": 9}
listener = socket.socket(socket.AF_UNIX)
listener.bind("line")
folder = os.open("/proc/self/ns", os.O_PATH)
socket.send_fds(ours, [json.dumps(order).encode()], [listener.fileno(), folder, usage.fileno()])
assert Zygote(theirs, None)._obey()
"""


def test_no_sandbox_keeps_a_zygote_from_serving_others_by_reports_that_nobody_reads(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", FULL_LINE, str(FOLDER.parent)]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
