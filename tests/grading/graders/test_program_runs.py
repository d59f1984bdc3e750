"""Programs whose runs are graded: what they leave, what they take, and how they could cheat."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mle_gym
from mle_gym.datasets.dataset import Dataset
from mle_gym.datasets.prepare import prepare
from mle_gym.episode.episode_start import program_sandboxes
from mle_gym.errors import DatasetError, TaskError
from mle_gym.grading.graders.program import ProgramGrader
from mle_gym.grading.graders.program_run import ProgramRunner
from mle_gym.sandbox import unpack_files
from mle_gym.sandbox.limits import Limits
from mle_gym.sandbox.sandbox_config import SandboxConfig
from mle_gym.tasks.catalog import load_task, register_tasks
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.verify.run_verification import verify_trajectory
from tests.generated_task import GENERATED
from tests.sandbox.conftest import eventually, processes_with
from tests.task_folders import MakeTask
from tests.tiers import few_quick
from tests.trajectories.verify.conftest import Scripted, failures

pytestmark = pytest.mark.bubblewrap
Grade = Callable[..., Any]

SUMS: dict[str, Any] = {
    "kind": "performance-optimization",
    **GENERATED,
    "submission": {
        "kind": "code",
        "filename": "solve.py",
        "columns": None,
        "max_bytes": 100_000,
        "code": {"entry": "solve.py", "output": "out.txt", "seconds": 20, "runs": 3},
    },
    "grade": {"metric": "right sums", "worst": 0.0, "best": 1.0},
}
GENERATE = """
from mle_gym.datasets.toolkit import Instance

REFERENCE = '''
import time
numbers = [int(n) for n in open("data/numbers.txt")]
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
open("out.txt", "w").write(str(sum(numbers)))
'''

def generate(rng):
    sets = [rng.integers(0, 1000, 50).tolist() for _ in range(3)]
    texts = ["\\n".join(map(str, each)) for each in sets]
    return Instance(
        public={"numbers.txt": texts[0]},
        runs=[{"numbers.txt": text} for text in texts[1:]],
        private={"sums.txt": " ".join(str(sum(each)) for each in sets[1:]), "ref.py": REFERENCE},
        floor=0.0, ceiling=1.0,
    )
"""
GRADE = """
import json

def grade_files(submission, private):
    sums = (private / "sums.txt").read_text().split()
    told = json.loads((submission / "measurements.json").read_text())
    right = 0
    for number, (wanted, each) in enumerate(zip(sums, told["sets"], strict=True)):
        found = {
            (submission / run["folder"] / "out.txt").read_text() if not run["error"] else None
            for run in each["runs"]
        }
        right += found == {wanted}
    ratios = [each["time_ratio"] for each in told["sets"] if each["time_ratio"] is not None]
    parts = {"right": f"{right} of {len(sums)}", "bytes": told["bytes"]}
    return right / len(sums), parts | ({"ratio": max(ratios)} if ratios else {})
"""
HONEST = (
    "numbers = map(int, open('data/numbers.txt'))\nopen('out.txt', 'w').write(str(sum(numbers)))\n"
)


def task_of(make_task: MakeTask, **code: Any) -> Path:
    submission = SUMS["submission"] | {"code": SUMS["submission"]["code"] | code}
    changes = {**SUMS, "submission": submission}
    files = {"generate.py": GENERATE, "grade.py": GRADE}
    folder = make_task(changes, files=files)
    register_tasks(folder)
    return folder


def grader_of(dataset: Dataset, **limits: float) -> ProgramGrader:
    config = SandboxConfig(limits=Limits(**limits))
    code = dataset.task.submission.code
    assert code is not None
    return ProgramGrader(
        dataset, ProgramRunner(dataset, program_sandboxes("bubblewrap", config, code))
    )


@pytest.fixture
def play(make_task: MakeTask, clean_registry: None) -> Grade:
    """Grades a program on such a task."""

    def grade(program: str, **code: Any) -> Any:
        dataset = prepare(load_task(task_of(make_task, **code)))
        return grader_of(dataset).grade({"solve.py": program.encode()})

    return grade


def test_a_program_is_run_on_every_set_of_inputs_several_times(play: Grade) -> None:
    found = play(HONEST)
    assert found.score == 1.0
    assert found.parts == {"right": "2 of 2", "bytes": len("solve.py" + HONEST)}
    assert found.anchored == 1.0


CHEATS = {
    "writes what is right for the examples": (
        "numbers = [int(n) for n in open('data/numbers.txt')]\n"
        "open('out.txt', 'w').write({examples!r})"
    ),
    "keeps the sum of the run before": (
        "import glob, os\nold = [p for d in ('/tmp', '/var/tmp', '/dev/shm', os.path.expanduser"
        "('~'), '.') for p in glob.glob(d + '/kept*')]\n"
        "total = sum(map(int, open('data/numbers.txt')))\n"
        "for d in ('/tmp', '/dev/shm', '.'):\n    open(d + '/kept', 'w').write(str(total))\n"
        "open('out.txt', 'w').write(open(old[0]).read() if old else '0')"
    ),
    "looks for the answers": (
        "import os\nfound = ''\nfor top in ('/workspace', '/tmp', '/home', '/root', '/work'):\n"
        "    for folder, _, names in os.walk(top):\n"
        "        for name in names:\n"
        "            if name in ('sums.txt', 'ref.py', 'grade.py'):\n"
        "                found = open(os.path.join(folder, name)).read()\n"
        "open('out.txt', 'w').write(found.split()[0] if found else '0')"
    ),
    "fails": "raise SystemExit(3)",
    "writes nothing": "print('no')",
    "writes too much": "open('out.txt', 'wb').write(b'1' * 2**24)",
    "kills what runs it": "import os\nos.kill(os.getppid(), 9)\nos.kill(-1, 9)",
    "writes measurements": (
        "import json, os\nopen('measurements.json', 'w').write('{}')\n"
        "open('out.txt', 'w').write('0')"
    ),
}


@pytest.mark.parametrize(
    "cheat",
    few_quick(
        CHEATS,
        ("writes what is right for the examples", "kills what runs it"),
        "programs run several times",
    ),
)
def test_nothing_but_the_right_sums_scores(play: Grade, cheat: str) -> None:
    found = play(CHEATS[cheat].replace("{examples!r}", "str(sum(numbers) - sum(numbers))"))
    assert not found.valid or found.score == 0.0
    assert not found.anchored


def test_a_set_that_fails_counts_for_itself(play: Grade) -> None:
    program = (
        "numbers = [int(n) for n in open('data/numbers.txt')]\n"
        "assert sum(numbers) % 2 == {}\nopen('out.txt', 'w').write(str(sum(numbers)))"
    )
    scores = [play(program.format(rest)) for rest in (0, 1)]
    assert sum(found.score or 0.0 for found in scores) == 1.0


def test_a_program_that_hangs_is_ended_once_for_each_set(play: Grade) -> None:
    found = play("import time\ntime.sleep(600)", seconds=1)
    assert found.error_code == "program_timeout"


@pytest.mark.slow("programs and a reference run several times")
def test_hidden_work_is_seen_by_the_clock(play: Grade) -> None:
    """A child that nobody waits for, whose CPU time no parent is charged with."""
    hidden = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    os.setsid()\n"
        "    end = time.process_time() + 0.6\n"
        "    while time.process_time() < end:\n        pass\n"
        "    total = sum(map(int, open('data/numbers.txt')))\n"
        "    open('part', 'w').write(str(total))\n"
        "    os.rename('part', 'out.txt')\n    os._exit(0)\n"
        "while not os.path.exists('out.txt'):\n    time.sleep(0.01)\n"
    )
    slow, fast = play(hidden, reference="ref.py"), play(HONEST, reference="ref.py")
    assert slow.score == fast.score == 1.0
    assert slow.parts["ratio"] > 1.0
    assert fast.parts["ratio"] < 0.9


@pytest.mark.slow("programs and a reference run several times")
@pytest.mark.parametrize(
    "trick",
    [
        "import time\ntime.process_time = time.perf_counter = time.time = lambda: 0.0\n",
        "import os, resource\nresource.getrusage = lambda who: None\nos.times = lambda: None\n",
        "import ctypes\nlibc, zero = ctypes.CDLL(None), ctypes.create_string_buffer(16)\n"
        "libc.clock_settime(0, zero)\n",
    ],
)
def test_a_tampered_clock_changes_nothing(play: Grade, trick: str) -> None:
    busy = "for n in range(12_000_000):\n    pass\n"
    found = play(trick + busy + HONEST, reference="ref.py")
    assert found.score == 1.0
    assert found.parts["ratio"] > 0.5


@pytest.mark.slow("programs and a reference run several times")
def test_a_file_called_like_a_library_harms_only_its_own_program(
    make_task: MakeTask,
    clean_registry: None,
) -> None:
    dataset = prepare(load_task(task_of(make_task, reference="ref.py")))
    trick = b"import time\ntime.sleep(0.5)\nraise SystemExit(0)"
    files = {"solve.py": HONEST.encode(), "time.py": trick, "sitecustomize.py": trick}
    assert grader_of(dataset).grade(files).score == 1.0


def test_a_broken_reference_is_the_tasks_fault(
    make_task: MakeTask,
    clean_registry: None,
) -> None:
    folder = task_of(make_task, reference="ref.py")
    text = (folder / "generate.py").read_text().replace("import time\nnumbers", "1 / 0\nnumbers")
    (folder / "generate.py").write_text(text)
    with pytest.raises(TaskError, match="the reference program failed on inputs 1"):
        grader_of(prepare(load_task(folder))).grade({"solve.py": HONEST.encode()})


def test_a_program_may_have_less_memory_than_the_agent(play: Grade) -> None:
    # It holds the memory for longer than the time between two looks at it.
    hog = "held = bytearray(150 * 2**20)\nheld[::4096] = b'x' * len(held[::4096])\n"
    hog += "import time\ntime.sleep(0.5)\n"
    assert play(hog + HONEST, memory_mb=1000).score == 1.0
    assert not play(hog + HONEST, memory_mb=100).valid


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("floor=0.0, ", "", r"Instance\.floor: expected what a program that does nothing scores"),
        ('"ref.py": REFERENCE', '"other.py": ""', r"Instance\.private: expected 'ref\.py'"),
        ("runs=[{", "inputs={'a': 'b'}, runs=[{", r"Instance\.runs: expected no inputs beside"),
    ],
)
def test_what_programs_need_is_checked(
    make_task: MakeTask,
    clean_registry: None,
    old: str,
    new: str,
    message: str,
) -> None:
    folder = task_of(make_task, reference="ref.py")
    text = (folder / "generate.py").read_text()
    assert old in text
    (folder / "generate.py").write_text(text.replace(old, new))
    with pytest.raises(DatasetError, match=message):
        prepare(load_task(folder))


@pytest.mark.slow("an episode whose program runs several times")
def test_nothing_of_the_agent_runs_beside_its_program(
    make_task: MakeTask, clean_registry: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process in the background could slow down the reference, and so speed up the program."""
    task_of(make_task)
    seen: list[bool] = []
    graded = ProgramRunner.on_hidden_inputs

    def look(self: ProgramRunner, files: Any) -> bytes:
        seen.append(bool(processes_with("86399.25")))
        return graded(self, files)

    monkeypatch.setattr(ProgramRunner, "on_hidden_inputs", look)
    with mle_gym.make("fruit", sandbox="bubblewrap") as env:
        env.reset(seed=0)
        env.step({"tool": "write_file", "path": "solve.py", "content": HONEST})
        env.step("setsid sleep 86399.25 & disown")
        assert eventually(lambda: bool(processes_with("86399.25")))
        info = env.step("submit")[4]
    assert info["grade"]["score"] == 1.0
    assert seen == [False]


def test_an_agent_hands_in_a_program_and_its_runs_are_recorded(
    make_task: MakeTask,
    clean_registry: None,
    tmp_path: Path,
) -> None:
    folder, path = task_of(make_task), tmp_path / "record.jsonl"
    honest = shlex.quote(HONEST)
    actions = (
        "echo 'raise SystemExit(3)' > solve.py; validate",
        f"printf %s {honest} > solve.py; validate && submit",
    )
    with mle_gym.make("fruit", sandbox="bubblewrap") as env:
        brief = env.reset(seed=0)[0]["output"]
        assert "Each run must write `out.txt`." in brief
        assert "except for `numbers.txt`" in brief
        record = rollout(env, Scripted(actions), path=path)
        assert env.record is not None
        packed = unpack_files(env.record.predictions or b"")
    assert "exit code 3" in record.steps[0].observation["output"]
    assert record.grade is not None
    assert record.grade["score"] == 1.0
    assert sorted(packed) == [
        "1-1/out.txt", "1-2/out.txt", "1-3/out.txt", "2-1/out.txt", "2-2/out.txt", "2-3/out.txt",
        "measurements.json",
    ]  # fmt: skip
    told = json.loads(packed["measurements.json"])
    assert all(run["wall_seconds"] > 0 for each in told["sets"] for run in each["runs"])
    result = verify_trajectory(path, task=folder)
    assert (result.verdict, failures(result)) == ("confirmed", "")
