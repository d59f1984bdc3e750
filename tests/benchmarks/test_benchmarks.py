"""The benchmark measures what it claims to measure. No durations are tested."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks import features, operations
from benchmarks.__main__ import main
from benchmarks.contenders import Contender, all_contenders
from benchmarks.context import QUICK, Context, Scale
from benchmarks.measure import Cell, Skip, in_turns
from benchmarks.memory import descendants, memory
from benchmarks.programs import HOLD
from benchmarks.results import Results, RowResult, measure_row
from benchmarks.rows import Row, all_rows
from benchmarks.tasks_of_any_size import large_task
from mle_gym.datasets.prepare import prepare

pytestmark = pytest.mark.filterwarnings("ignore:sandbox='subprocess'")
CHECKOUT = Path(__file__).resolve().parents[2]


def benchmark(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run the benchmark in this process, and return what it wrote."""
    assert main(["--quick", "--repeats", "2", "--out", str(folder), *arguments]) == 0
    found: dict[str, Any] = json.loads((folder / "benchmarks.json").read_text(encoding="utf-8"))
    return found


def test_rows_and_columns_come_out_as_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = ["bare", "subprocess"]
    found = benchmark(tmp_path, "--only", "make", "reset", "trivial", "--columns", *columns)
    assert [row["name"] for row in found["rows"]] == ["make", "reset", "trivial-step"]
    assert list(found["columns"]) == ["bare bash", "bare python", "subprocess"]
    cells = found["rows"][2]["cells"]
    for cell in cells.values():
        assert len(cell["values"]) == 2
        assert min(cell["values"]) <= cell["median"] <= max(cell["values"])
    bare = cells["bare bash"]["median"]
    assert cells["subprocess"]["ratio"] == pytest.approx(cells["subprocess"]["median"] / bare)
    assert cells["bare bash"]["ratio"] == 1
    assert found["rows"][0]["cells"]["bare bash"]["skipped"]
    assert found["machine"]["processors"] >= 1
    assert "trivial step" in capsys.readouterr().out
    assert (tmp_path / "benchmarks.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow("it plays whole episodes")
def test_a_whole_episode_is_played_and_graded(tmp_path: Path) -> None:
    found = benchmark(tmp_path, "--repeats", "1", "--only", "episode", "--columns", "subprocess")
    assert found["rows"][0]["cells"]["subprocess"]["median"] > 0


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux only")
def test_a_program_holds_at_least_what_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "HOLDING", f"block = bytearray(b'x' * (64 << 20))\n{HOLD}")
    found = benchmark(tmp_path, "--repeats", "1", "--only", "program", "--columns", "bare")
    cells = found["rows"][0]["cells"]
    assert (
        cells["bare python"]["median"] >= 64
    )  # other processes that this one started may grow too
    assert cells["bare bash"]["skipped"]


@pytest.mark.slow("it asks every backend, which tries what works")
def test_what_mle_gym_lacks_is_skipped_with_its_reason() -> None:
    columns = {column.name: column for column in all_contenders()}
    for feature in ("snapshot", "fork"):
        assert columns["subprocess"].lacks[feature] == features.lacks(feature)
    assert bool(features.lacks("warm")) == ("no warm Python" in columns["bubblewrap warm"].reason())
    assert "aide" in columns["AIDE"].reason() or not columns["AIDE"].reason()


def test_turns_alternate_and_the_first_does_not_count() -> None:
    calls: list[str] = []

    def operation(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    cells = {"a": Cell(), "b": Cell()}
    in_turns(
        {"a": lambda: operation("a"), "b": lambda: operation("b")}, cells, repeats=2, seconds=60
    )
    assert calls == ["a", "b", "a", "b", "b", "a"]
    assert cells["a"].values == [3, 6]
    assert cells["b"].values == [4, 5]


def test_a_failure_is_reported_and_the_others_go_on() -> None:
    def broken() -> float:
        raise RuntimeError("out of order")

    def lacking() -> float:
        raise Skip("not here")

    cells = {"good": Cell(), "broken": Cell(), "lacking": Cell()}
    operations = {"good": lambda: 1.0, "broken": broken, "lacking": lacking}
    in_turns(operations, cells, repeats=3, seconds=60)
    assert cells["good"].values == [1, 1, 1]
    assert (cells["broken"].skipped, cells["broken"].failed) == ("RuntimeError: out of order", True)
    assert (cells["lacking"].skipped, cells["lacking"].failed) == ("not here", False)


def test_quartiles_hold_the_middle_half() -> None:
    cell = Cell([5.0, 1.0, 4.0, 2.0, 3.0])
    assert (cell.median, cell.quartiles) == (3, (2, 4))
    assert Cell([7.0]).quartiles == (7, 7)


def test_sessions_are_closed_and_values_kept_when_interrupted() -> None:
    closed: list[str] = []

    def prepared(context: Context, contender: Contender) -> Any:
        context.stack.callback(closed.append, contender.name)
        return lambda: interrupt() if values else values.append(1) or 1.0

    def interrupt() -> float:
        raise KeyboardInterrupt

    values: list[int] = []
    row = Row("row", "what", "ms", ("x",), prepared, 2, warm_up=False)
    column = Contender("x", "what", lambda task: pytest.fail("not to be opened"))
    result = RowResult(row)
    with pytest.raises(KeyboardInterrupt):
        measure_row(result, [column], QUICK, repeats=5, seconds=60, tick=lambda what: None)
    assert closed == ["x"]
    assert result.cells["x"].values == [1]
    results = Results([column], {}, [result], interrupted=True)
    assert results.to_dict()["rows"][0]["cells"]["x"]["ratio"] == 1


@pytest.mark.slow("it starts a program and interrupts it")
def test_ctrl_c_ends_a_run_that_still_writes_its_results(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "trivial-step", "--columns", "bare"]
    with subprocess.Popen(
        [*command, "--repeats", "1000000", "--seconds", "600", "--out", str(tmp_path)],
        cwd=CHECKOUT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
    ) as run:
        try:
            started: set[psutil.Process] = set()
            while len(started) < 6:  # bash waits in one, and the other is the warm-up turn
                assert run.poll() is None
                started.update(psutil.Process(run.pid).children())
            run.send_signal(signal.SIGINT)
            assert run.wait(60) == 130
        finally:
            run.kill()
    found = json.loads((tmp_path / "benchmarks.json").read_text(encoding="utf-8"))
    assert found["interrupted"]
    assert found["rows"][0]["cells"]["bare bash"]["values"]
    assert not list(tmp_path.glob("mle-gym-benchmark-*"))


def test_every_row_has_a_name_of_its_own_at_both_scales() -> None:
    for scale in (QUICK, Scale()):
        names = [row.name for row in all_rows(scale)]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("option", ["--only", "--columns"])
def test_an_unknown_name_is_answered_with_the_known_ones(option: str) -> None:
    with pytest.raises(SystemExit, match=r"there are: .*(trivial-step|bare bash)"):
        main([option, "no-such-thing"])


def test_datasets_grow_and_are_deleted() -> None:
    before = os.environ.get("MLE_GYM_CACHE")
    with large_task(2) as task:
        folder = prepare(task).public
        assert (folder / "large.bin").stat().st_size == 2_000_000
        assert str(folder).startswith(os.environ["MLE_GYM_CACHE"])
    assert not folder.exists()
    assert os.environ.get("MLE_GYM_CACHE") == before


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux only")
def test_memory_of_children_is_counted_as_theirs() -> None:
    script = "block = bytearray(b'x' * (64 << 20)); print(flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout
    child.stdout.readline()
    assert {os.getpid(), child.pid} <= descendants()
    found = memory([child.pid])
    child.communicate(b"\n")
    assert 64 <= found.uss <= found.pss < 256
    assert memory([child.pid]).pss == 0
