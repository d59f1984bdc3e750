"""A ``grade.py`` runs in a sandbox, so that anything a submission makes it do ends in a grade."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from mle_gym import sandbox
from mle_gym.datasets.dataset import Dataset
from mle_gym.errors import SandboxUnavailable, TaskError
from mle_gym.grading.grade import Grade
from mle_gym.grading.grader_code import code_sandbox, code_sandbox_pool, living_sandboxes
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.sandbox import backends
from mle_gym.sandbox.backends import get_backend
from mle_gym.tasks.spec import TaskSpec
from tests.grading.misbehaving_grader import DEEDS
from tests.sandbox.conftest import eventually

PROGRAM = Path(__file__).with_name("misbehaving_grader.py")
NUMBERS = {deed.__name__: number for number, deed in enumerate(DEEDS)}
REFUSED = {
    "leave": ("refused", "failed on this submission (SystemExit)"),
    "odd": ("refused", "failed on this submission (Odd)"),
    "interrupt": ("refused", "(KeyboardInterrupt)"),
    "quit_quietly": ("refused", "failed on this submission"),
    "kill_itself": ("refused", "(SIGKILL)"),
    "kill_its_parent": ("refused", "died of this submission"),
    "kill_everything": ("refused", "died of this submission"),
    "segfault": ("refused", "(SIGSEGV)"),
    "nothing": ("refused", "failed on this submission"),
    "text": ("refused", "failed on this submission"),
    "truth": ("refused", "failed on this submission"),
    "array": ("refused", "failed on this submission"),
    "nan": ("score_not_finite", "the score of this submission is nan"),
    "loop": ("too_slow", "grading took over 2 s"),
    "hog": ("too_much_memory", "more memory than it may have"),
    "recursion": ("refused", "(RecursionError)"),
    "library": ("refused", "failed on this submission (ValueError)"),
    "own_words": ("refused", "y must be small"),
}
"""The answer to each misbehaviour. A library's messages may quote answers, so they are withheld."""
LIMITS = "[grader]\nseconds = 2\nmemory_mb = 300"

Play = Callable[[str], Grade]


@pytest.fixture
def toy(
    make_task: Callable[..., TaskSpec], make_dataset: Callable[[TaskSpec, str], Dataset]
) -> Callable[..., PredictionsGrader]:
    """Graders by the text of their ``grade.py``."""

    def make(program: str, **options: str) -> PredictionsGrader:
        columns = 'id = "int", y = "int"'
        task = make_task(columns, "own", worst=0.0, best=1.0, grade=program, tables=LIMITS)
        answers = "id,y,Usage\n1,0,Private\n2,0,Private\n"
        return PredictionsGrader(make_dataset(task, answers), **options)

    return make


@pytest.fixture
def play(toy: Callable[..., PredictionsGrader]) -> Play:
    """Let the misbehaving grader grade a submission that selects a misbehaviour."""
    grader = toy(PROGRAM.read_text())
    return lambda deed: grader.grade(f"id,y\n1,0\n2,{NUMBERS[deed]}\n".encode())


@pytest.mark.slow("graders in sandboxes start anew many times")
def test_a_grader_that_a_submission_breaks_refuses_it_and_grades_the_next(play: Play) -> None:
    for deed, (code, message) in REFUSED.items():
        grade = play(deed)
        assert (deed, grade.valid, grade.error_code) == (deed, False, code)
        assert message in grade.error_message, deed
        assert "42" not in grade.error_message
    assert play("fine").score == 0.25


@pytest.mark.slow("graders in sandboxes start")
def test_a_grader_that_waits_for_ever_is_given_up(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_sandbox, "PATIENCE", 2)
    assert play("sleep").error_code == "too_slow"
    assert play("fine").score == 0.25


def test_numbers_are_scores_and_what_is_printed_is_not(play: Play) -> None:
    assert play("shout").score == 0.25
    assert play("numpy_float").score == 0.25
    assert play("whole_number").score == 1.0
    assert play("fine").score == 0.25


def test_nothing_of_a_submission_is_left_for_the_next(play: Play) -> None:
    before = play("processes").score
    assert play("daemon").score == 0.25
    assert play("processes").score == before
    assert play("calls").score == 1.0  # its globals are as they were when it was loaded


def test_no_file_of_a_submission_has_a_part_in_the_next_grade(play: Play) -> None:
    assert play("poisoned").score == 0.0
    assert play("poison").score == 0.25
    assert play("poisoned").score == 0.0


@pytest.mark.slow("graders in sandboxes start")
def test_a_file_that_a_submission_changed_is_as_it_was_for_the_next(
    play: Play, tmp_path: Path
) -> None:
    (tmp_path / "toy" / "weight").write_text("0.5")
    assert play("poisoned").score == 0.5
    assert play("edit").score == 0.25
    assert play("poisoned").score == 0.5


def test_nobody_answers_for_the_next_submission(play: Play) -> None:
    play("answer_twice")  # it may give itself any score, and nobody else
    assert play("whole_number").score == 1.0
    assert play("fine").score == 0.25
    assert play("look_at_parent").score == 0.0


@pytest.mark.slow("graders in sandboxes start")
def test_a_process_that_died_of_another_submission_is_no_reason_to_refuse_this_one(
    play: Play,
) -> None:
    assert play("fine").score == 0.25
    box = living_sandboxes._alive[-1]._sandbox
    assert box is not None
    box.execute('kill -9 "$(<server)"', timeout=20)
    assert play("fine").score == 0.25


def test_it_reaches_neither_host_nor_network(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside" / "file"
    outside.parent.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        (tmp_path / "toy" / "port").write_text(str(server.getsockname()[1]))
        (tmp_path / "toy" / "outside").write_text(str(outside))
        monkeypatch.setenv("GRADER_TEST_SECRET", "x")
        assert "ConnectionRefusedError" in play("network").error_message
        assert play("secret").score == 0.0
        assert play("read_outside").score == 0.0
        play("write")
    assert not outside.exists()
    assert not (tmp_path / "toy" / "written").exists()


@pytest.mark.slow("graders in sandboxes start anew many times")
def test_a_grader_that_fails_on_the_answers_too_is_broken(
    toy: Callable[..., PredictionsGrader],
) -> None:
    for body, told in (
        ("import os; os.kill(os.getpid(), 9)", "answers themselves: it was killed"),
        ("while True: pass", "answers themselves: grading took over 2 s"),
        ("raise SystemExit(0)", r"answers themselves: SystemExit\(0\)"),
    ):
        with pytest.raises(TaskError, match=told):
            toy(f"def grade(a, b):\n    {body}\n").grade(b"id,y\n1,0\n2,1\n")


@pytest.mark.parametrize("neighbour", ["neighbour", ".neighbour"])
def test_it_imports_its_neighbours_and_our_errors(
    toy: Callable[..., PredictionsGrader], tmp_path: Path, neighbour: str
) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "neighbour.py").write_text("SCORE = 0.75")
    imports = f"from {neighbour} import SCORE\nimport mle_gym.errors"
    program = f"{imports}\ndef grade(a, b): return SCORE"
    assert toy(program).grade(b"id,y\n1,0\n2,1\n").score == 0.75


@pytest.mark.slow("it grades in many threads")
def test_many_threads_share_one_process(play: Play) -> None:
    with ThreadPoolExecutor(8) as pool:
        deeds = ["fine", "whole_number", "leave", "daemon"] * 6
        grades = list(pool.map(play, deeds))
    assert [grade.score for grade in grades] == [0.25, 1.0, None, 0.25] * 6


@pytest.mark.slow("it waits for a slow grader")
def test_a_slow_submission_keeps_no_other_waiting(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setattr(code_sandbox, "PATIENCE", 300)  # the slow one may sleep to its end
    assert play("fine").score == 0.25
    first = living_sandboxes._alive[-1]
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(play, "sleep")
        assert eventually(lambda: not _is_idle(first))
        assert [play(deed).score for deed in ("fine", "leave", "fine")] == [0.25, None, 0.25]
        assert not slow.done()
        assert first._sandbox is not None
        monkeypatch.setattr(code_sandbox, "PATIENCE", 1)
        first._sandbox.interrupt()  # it is called again
        assert slow.result().error_code == "too_slow"
    assert play("fine").score == 0.25


@pytest.mark.slow("many graders in sandboxes start")
def test_sandboxes_are_no_more_than_processors(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    monkeypatch.setattr(code_sandbox_pool, "PATIENT_SECONDS", 0.01)
    monkeypatch.setattr(living_sandboxes, "_alive", [])
    with ThreadPoolExecutor(4) as pool:
        grades = list(pool.map(play, ["loop", "fine", "fine", "fine"]))
    assert [grade.score for grade in grades] == [None, 0.25, 0.25, 0.25]
    assert len(living_sandboxes._alive) == 1


def _is_idle(grader: code_sandbox.CodeSandbox) -> bool:
    if idle := grader.lock.acquire(blocking=False):
        grader.lock.release()
    return idle


@pytest.mark.slow("graders in sandboxes start")
def test_a_forked_process_has_its_own(play: Play) -> None:
    assert play("fine").score == 0.25
    child = os.fork()
    if child == 0:
        os._exit(0 if play("fine").score == 0.25 and not play("leave").valid else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert play("fine").score == 0.25


def test_it_runs_in_docker_too(
    play: Play, isolating_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = get_backend(isolating_backend)
    monkeypatch.setattr(sandbox, "get_backend", lambda name="auto": backend)
    for deed in ("kill_everything", "loop", "text"):
        assert play(deed).error_code == REFUSED[deed][0]
    assert play("fine").score == 0.25


def test_without_isolation_it_runs_only_where_that_was_asked_for(
    toy: Callable[..., PredictionsGrader], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable() -> None:
        raise SandboxUnavailable("install bubblewrap")

    monkeypatch.setattr(backends, "_automatic", unavailable)
    program = "def grade(a, b): return 0.5"
    with pytest.raises(SandboxUnavailable, match="install bubblewrap"):
        toy(program).grade(b"id,y\n1,0\n2,1\n")
    with pytest.warns(UserWarning, match="isolates nothing"):
        assert toy(program, sandbox="subprocess").grade(b"id,y\n1,0\n2,1\n").score == 0.5


HOST = """
import sys
from pathlib import Path
from mle_gym.grading.graders.predictions import PredictionsGrader
from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.tasks.load import load_folder
folder = Path(sys.argv[1])
task = load_folder(folder / "toy")
dataset = Dataset(task, DatasetOptions(), folder / "public", folder / "private", "d")
grader = PredictionsGrader(dataset)
print(grader.grade(b"id,y\\n1,0\\n2,0\\n").score, flush=True)
grader.grade(b"id,y\\n1,0\\n2,%d\\n" % int(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.slow("it starts and kills hosts")
def test_no_grader_outlives_its_host(play: Play, tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", HOST, str(tmp_path), str(NUMBERS["sleep"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "0.25\n"
        found = psutil.Process(host.pid).children(recursive=True)
        assert any("grader_program.py" in str(process.cmdline()) for process in found)
        host.send_signal(number)
    assert eventually(lambda: not any(process.is_running() for process in found))


@pytest.mark.slow("many graders in sandboxes start")
def test_few_are_kept_alive(
    toy: Callable[..., PredictionsGrader], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(living_sandboxes, "MOST_ALIVE", 1)
    graders = [toy(f"def grade(a, b): return {score}") for score in (0.25, 0.5)]
    for _ in range(2):
        for grader in graders:
            assert grader.grade(b"id,y\n1,0\n2,0\n").score in (0.25, 0.5)
        assert len(living_sandboxes._alive) == 1
