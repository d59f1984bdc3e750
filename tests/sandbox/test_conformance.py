"""What every backend must do. Nothing here knows how a sandbox is made."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from mle_gym.errors import SandboxCrashed, SubmissionError
from mle_gym.sandbox import Execution, InsideCommand, Limits, Mount, Reply, Request, Sandbox
from mle_gym.sandbox.sandbox_config import MOST_HANDED_IN

from .conftest import MakeSandbox, eventually, processes_with, sleepers


def run(sandbox: Sandbox, command: str, timeout: float = 20) -> tuple[int, str]:
    execution = sandbox.execute(command, timeout=timeout)
    return execution.exit_code, execution.output.decode()


# ----------------------------------------------------------------------------- commands and state


@pytest.mark.parametrize(
    ("command", "exit_code", "output"),
    [
        ("echo hello", 0, "hello\n"),
        ("echo out; echo err >&2; echo out", 0, "out\nerr\nout\n"),
        ("exit 7", 7, ""),
        ("false", 1, ""),
        ("kill -9 $$", 137, ""),
        ("cat", 0, ""),
        ("printf '\\0\\377x'", 0, None),
        ("set -e; false; echo unreachable", 1, ""),
        ("for i in 1 2 3\ndo\n  echo $i\ndone", 0, "1\n2\n3\n"),
        ("cat <<'END'\n$HOME\nEND", 0, "$HOME\n"),
    ],
)
def test_a_command_gives_its_output_and_exit_code(
    sandbox: Sandbox, command: str, exit_code: int, output: str | None
) -> None:
    execution = sandbox.execute(command, timeout=20)
    assert execution.exit_code == exit_code
    expected = b"\0\xffx" if output is None else output.encode()
    assert execution.output == expected


def test_a_syntax_error_is_the_agents_and_names_bash(sandbox: Sandbox) -> None:
    exit_code, output = run(sandbox, "if then")
    assert exit_code == 2
    assert "syntax error" in output
    assert run(sandbox, "echo fine") == (0, "fine\n")


def test_an_unknown_command_exits_with_127(sandbox: Sandbox) -> None:
    exit_code, output = run(sandbox, "no-such-command")
    assert exit_code == 127
    assert output == "bash: line 1: no-such-command: command not found\n"


def test_directory_and_exported_variables_carry_over(sandbox: Sandbox) -> None:
    run(sandbox, "mkdir -p a/b && cd a/b && export WORD='two  words\n$x' UNSET_ME=1 && local_one=1")
    assert run(sandbox, 'pwd; echo "$WORD"; bash -c \'echo "[$local_one]"\'') == (
        0,
        f"{sandbox.workspace}/a/b\ntwo  words\n$x\n[]\n",
    )
    run(sandbox, "unset UNSET_ME; cd ..; exit 3")
    assert run(sandbox, 'pwd; echo "[${UNSET_ME-gone}]"') == (0, f"{sandbox.workspace}/a\n[gone]\n")


def test_state_survives_an_exit_and_a_timeout(sandbox: Sandbox) -> None:
    sandbox.execute("mkdir -p here; cd here; export KEPT=1; sleep 30", timeout=0.5)
    assert run(sandbox, "pwd; echo $KEPT") == (0, f"{sandbox.workspace}/here\n1\n")


def test_a_deleted_directory_falls_back_to_the_workspace(sandbox: Sandbox) -> None:
    run(sandbox, f"mkdir gone && cd gone && rmdir {sandbox.workspace}/gone")
    exit_code, output = run(sandbox, "pwd")
    assert (exit_code, output) == (0, f"{sandbox.workspace}\n")


def test_a_broken_saved_state_does_not_wedge_the_next_command(sandbox: Sandbox) -> None:
    run(sandbox, "trap 'exit 9' EXIT; cd /tmp; exit 0")
    assert run(sandbox, "echo alive")[1] == "alive\n"


def test_saved_variables_are_written_when_they_or_their_file_changed(sandbox: Sandbox) -> None:
    saved = "$(dirname $(dirname $(command -v validate)))/environment"
    look = f'stat -c "%i %z" {saved}'
    run(sandbox, "export KEPT=1")
    first = run(sandbox, look)
    assert first[0] == 0
    assert run(sandbox, look) == first
    run(sandbox, f"echo 'export KEPT=2' >{saved}")
    assert run(sandbox, "echo $KEPT; KEPT=3") == (0, "1\n")
    assert run(sandbox, f"echo $KEPT; rm {saved}") == (0, "3\n")
    assert run(sandbox, "echo $KEPT") == (0, "3\n")


def test_a_virtual_environment_is_left_as_it_was_entered(sandbox: Sandbox) -> None:
    before = run(sandbox, "which python")
    assert run(sandbox, "python -m venv --without-pip v && . v/bin/activate")[0] == 0
    assert run(sandbox, "which python") == (0, f"{sandbox.workspace}/v/bin/python\n")
    assert run(sandbox, "deactivate; which python") == before
    assert run(sandbox, "which python; deactivate")[0] == 127


def test_variables_and_functions_carry_over(sandbox: Sandbox) -> None:
    run(
        sandbox,
        "x='a  b'; list=(1 '2 3'); declare -A map=([k]=v); f() { echo \"f $x\"; }; export -f f",
    )
    assert run(sandbox, 'f; echo "${list[1]} ${map[k]}"; bash -c f') == (0, "f a  b\n2 3 v\nf \n")
    run(sandbox, "unset x list; unset -f f")
    assert run(sandbox, "echo ${x-none} ${map[k]}; type f")[1].startswith("none v\n")
    run(sandbox, "read -r word <<< 'by a builtin'; big=$(head -c 2000000 /dev/zero | tr '\\0' x)")
    assert run(sandbox, "echo ${#big}; export A=1") == (0, "0\n")
    assert run(sandbox, "echo $A") == (0, "1\n")


def test_options_and_counters_do_not_carry_over(sandbox: Sandbox) -> None:
    run(sandbox, "set -eu; shopt -s nullglob; IFS=,; RANDOM=1; kept=1; umask 077")
    exit_code, output = run(sandbox, "false; echo $- $IFS $unset *.none $kept")
    assert (exit_code, output) == (0, "hBc *.none 1\n")


def test_a_function_named_like_a_builtin_does_not_wedge_the_next_command(sandbox: Sandbox) -> None:
    names = ("eval", "set", "trap", "printf", "declare", "unset", "builtin", "echo")
    run(sandbox, "; ".join(f"{name}() {{ false; }}" for name in names) + "; kept=1")
    assert run(sandbox, "echo alive $kept $#") == (0, "alive 1 0\n")


def test_looking_for_a_program_does_not_find_the_shell_or_the_runner(sandbox: Sandbox) -> None:
    name = f"train_{uuid.uuid4().hex}.py"
    assert run(sandbox, f"pkill -f {name}; echo $?") == (0, "1\n")
    run(sandbox, f"echo 'import time; time.sleep(60)' > {name}")
    found = f"python {name} & sleep 1; pgrep -fc {name}; pkill -f {name}; wait $!; echo $?"
    assert run(sandbox, found) == (0, "1\n143\n")
    if sandbox.backend != "subprocess":
        _, listed = run(sandbox, "ps -eo args | grep -v '^ps\\|^grep'")
        assert [line.strip() for line in listed.split("\n")[:2]] == ["COMMAND", "init"]


def test_commands_of_ten_megabytes_run(sandbox: Sandbox) -> None:
    command = "x=" + "a" * 10_000_000 + "\necho ${#x}"
    assert run(sandbox, command, timeout=60) == (0, "10000000\n")


def test_bytes_that_are_not_utf8_reach_the_shell(sandbox: Sandbox) -> None:
    execution = sandbox.execute(b"printf %s '\xff\xfe' > name; cat name", timeout=20)
    assert execution.output == b"\xff\xfe"


def test_python_has_the_usual_libraries_but_not_this_package(
    make_sandbox: MakeSandbox, backend: str
) -> None:
    sandbox = make_sandbox()
    exit_code, output = run(sandbox, "python -c 'import numpy, pandas, sklearn; print(1)'", 120)
    assert (exit_code, output) == (0, "1\n")
    if backend != "subprocess":
        exit_code, output = run(sandbox, "cd /tmp; python -c 'import mle_gym.grading'")
        assert exit_code == 1
        assert "No module named 'mle_gym" in output


# -------------------------------------------------------------------------------------- limits


def test_a_timeout_ends_the_whole_tree_and_shows_the_traceback(sandbox: Sandbox) -> None:
    """A program on a busy machine may not have begun in time, and then has no traceback."""
    for timeout in (1.5, 6, 24):
        if b"KeyboardInterrupt" in hung_until(timeout, sandbox):
            return
    pytest.fail("no program showed where it was")


def hung_until(timeout: float, sandbox: Sandbox) -> bytes:
    """The output of a program that also hangs in a hidden child, when it is ended."""
    marker = f"314159{uuid.uuid4().int % 10**9}"
    script = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "{marker}"])
    os._exit(0)
time.sleep(600)
"""
    sandbox.write_file("hang.py", script.encode())
    execution = sandbox.execute("trap '' TERM; python hang.py", timeout=timeout)
    assert execution.exit_code == 124
    assert execution.timed_out
    assert execution.killed_by == "timeout"
    assert f"longer than {timeout} s".encode() in execution.output
    assert eventually(lambda: not processes_with(marker))
    assert run(sandbox, "echo next") == (0, "next\n")
    return execution.output


def test_what_ignores_interrupts_is_killed_all_the_same(sandbox: Sandbox) -> None:
    execution = sandbox.execute("trap '' INT TERM HUP; while :; do :; done", timeout=0.5)
    assert (execution.exit_code, execution.killed_by) == (124, "timeout")


def test_a_background_process_lives_on_and_dies_with_the_sandbox(sandbox: Sandbox) -> None:
    marker = f"271828{uuid.uuid4().int % 10**9}"
    exit_code, output = run(sandbox, f"sleep {marker} & setsid sleep {marker}1 & echo started")
    assert (exit_code, output) == (0, "started\n")
    assert run(sandbox, "echo still here") == (0, "still here\n")
    assert eventually(lambda: len(sleepers(marker)) == 2)
    sandbox.close()
    assert eventually(lambda: not processes_with(marker))


def test_a_timeout_spares_older_background_processes(sandbox: Sandbox) -> None:
    old, new = (f"161803{uuid.uuid4().int % 10**9}" for _ in range(2))
    run(sandbox, f"setsid sleep {old} >/dev/null 2>&1 &")
    sandbox.execute(f"setsid sleep {new} & sleep 30", timeout=0.5)
    assert eventually(lambda: not processes_with(new))
    assert eventually(lambda: len(sleepers(old)) == 1)


def test_a_memory_hog_dies_and_the_sandbox_lives(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(limits=Limits(memory_mb=200, disk_mb=64))
    hog = "python -c 'x = b\"x\" * (600 << 20); print(len(x))'"
    execution = sandbox.execute(hog, timeout=60)
    assert execution.exit_code != 0
    assert b"629145600" not in execution.output
    assert run(sandbox, "echo alive") == (0, "alive\n")


def test_long_output_keeps_head_and_tail_and_stays_readable(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(limits=Limits(output_bytes=2000))
    execution = sandbox.execute("echo first; seq 1 20000; echo last", timeout=20)
    assert execution.output.startswith(b"first\n1\n2\n")
    assert execution.output.endswith(b"20000\nlast\n")
    assert len(execution.output) < 2300
    assert execution.truncated_bytes > 100_000
    note = execution.output.decode().split("all of it is in ")[1].split(" ")[0]
    assert run(sandbox, f"wc -l < {note}; tail -1 {note}") == (0, "20002\nlast\n")


def test_endless_output_ends_with_the_timeout(sandbox: Sandbox) -> None:
    execution = sandbox.execute("yes", timeout=1)
    assert execution.exit_code == 124
    assert len(execution.output) < 30_000
    assert run(sandbox, "echo alive") == (0, "alive\n")


def test_cpu_time_and_peak_memory_are_measured(sandbox: Sandbox) -> None:
    script = "x = b'x' * (100 << 20)\nimport time\nt = time.process_time()\n"
    script += "while time.process_time() - t < 0.3: pass"
    sandbox.write_file("burn.py", script.encode())
    execution = sandbox.execute("python burn.py", timeout=60)
    assert 0.3 <= execution.cpu_seconds <= execution.duration * 4
    assert execution.peak_memory_mb > 100


# ---------------------------------------------------------------------------------------- files


def test_files_are_written_read_edited_and_listed(sandbox: Sandbox) -> None:
    assert sandbox.write_file("src/train.py", b"one\ntwo\nthree\n").exit_code == 0
    assert sandbox.read_file("src/train.py").output == b"one\ntwo\nthree\n"
    assert sandbox.read_file("src/train.py", start=2, lines=1).output == b"two\n"
    assert sandbox.edit_file("src/train.py", b"two", b"2\n2").exit_code == 0
    assert run(sandbox, "cat src/train.py") == (0, "one\n2\n2\nthree\n")
    listing = sandbox.list_files("src").output.decode().split()
    assert listing == ["14", "train.py"]


def test_a_file_whose_name_is_not_utf8_is_written_and_edited(sandbox: Sandbox) -> None:
    assert sandbox.write_file("n\udc80", b"old").output == b"wrote 3 bytes to n\x80\n"
    assert sandbox.edit_file("n\udc80", b"old", b"new").output == b"edited n\x80 at line 1\n"
    assert sandbox.write_file("n\udc80/x", b"").exit_code == 1
    assert sandbox.execute("cat n*", timeout=20).output == b"new"


@pytest.mark.parametrize(
    ("old", "message"),
    [
        (b"absent", "not in the file"),
        (b"same", "2 times"),
        (b"", "is empty"),
    ],
)
def test_an_edit_that_is_not_unique_is_refused(sandbox: Sandbox, old: bytes, message: str) -> None:
    sandbox.write_file("f", b"same same")
    execution = sandbox.edit_file("f", old, b"x")
    assert execution.exit_code == 1
    assert message in execution.output.decode()
    assert sandbox.read_file("f").output == b"same same"


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        ("true", "no such file"),
        ("mkdir odd", "is a folder"),
        ("mkfifo odd", "not a regular file"),
        ("ln -s /nowhere odd", "no such file"),
        ("ln -s odd odd", "symbolic links"),
        ("truncate -s 1T odd", "bytes, at most"),
        ("head -c 2000 /dev/zero > odd", "2000 bytes, at most 1000"),
        ("ln -s /dev/zero odd", "not a regular file"),
        ("python -c 'import socket as s; s.socket(s.AF_UNIX).bind(\"odd\")'", "No such device"),
    ],
)
def test_only_a_regular_file_of_bounded_size_leaves(
    sandbox: Sandbox, prepare: str, message: str
) -> None:
    run(sandbox, prepare)
    with pytest.raises(SubmissionError, match=message):
        sandbox.fetch("odd", max_bytes=1000)
    assert run(sandbox, "echo alive") == (0, "alive\n")


def test_an_unreadable_file_does_not_leave(sandbox: Sandbox) -> None:
    _, user = run(sandbox, "id -u; echo 1 > odd; chmod 000 odd")
    if user.strip() == "0":
        assert sandbox.fetch("odd", max_bytes=1000) == b"1\n"
    else:
        with pytest.raises(SubmissionError, match="Permission denied"):
            sandbox.fetch("odd", max_bytes=1000)


def test_odd_places_are_refused_with_a_reason(sandbox: Sandbox) -> None:
    run(sandbox, "mkdir folder; mkfifo pipe")
    for execution in (
        sandbox.write_file("folder", b"x"),
        sandbox.write_file("pipe", b"x"),
        sandbox.read_file("pipe"),
        sandbox.read_file("nothing"),
        sandbox.list_files("nothing"),
        sandbox.edit_file("folder", b"a", b"b"),
        sandbox.write_file("pipe/below", b"x"),
        sandbox.read_file("x" * 5000),
    ):
        assert execution.exit_code == 1
        assert execution.output
    assert run(sandbox, "echo alive") == (0, "alive\n")


def test_a_mount_is_readable_and_the_host_folder_stays_as_it_is(
    make_sandbox: MakeSandbox, tmp_path: Path, backend: str
) -> None:
    public = tmp_path / "public"
    public.mkdir()
    (public / "train.csv").write_text("a,b\n1,2\n")
    sandbox = make_sandbox(mounts=(Mount(public, "data"),))
    assert run(sandbox, "cat data/train.csv") == (0, "a,b\n1,2\n")
    exit_code, _ = run(sandbox, "echo x > data/train.csv; echo y > data/new; rm -rf data/train.csv")
    if backend != "subprocess":
        assert exit_code != 0
    assert (public / "train.csv").read_text() == "a,b\n1,2\n"
    assert [path.name for path in public.iterdir()] == ["train.csv"]


# ---------------------------------------------------------------------- submit, validate and score


def answered(sandbox: Sandbox, command: str, on_request: Callable[[Request], Reply]) -> Execution:
    """Run a command and have its calls answered."""
    event = sandbox.begin(command, timeout=30)
    while isinstance(event, Request):
        event = sandbox.answer(on_request(event))
    return event


def test_submit_hands_over_the_bytes_and_may_end_the_command(sandbox: Sandbox) -> None:
    requests: list[Request] = []

    def on_request(request: Request) -> Reply:
        requests.append(request)
        return Reply(0, f"{request.tool} heard\n", end_command=request.tool == "submit")

    command = "printf a,b > s.csv; validate s.csv && score s.csv; submit s.csv; echo unreachable"
    execution = answered(sandbox, command, on_request)
    assert [(r.tool, r.content) for r in requests] == [
        ("validate", b"a,b"),
        ("score", b"a,b"),
        ("submit", b"a,b"),
    ]
    assert requests[0].path == f"{sandbox.workspace}/s.csv"
    assert execution.output.startswith(b"validate heard\nscore heard\n")
    assert b"unreachable" not in execution.output


def test_a_sandbox_offers_whatever_commands_its_caller_names(make_sandbox: MakeSandbox) -> None:
    sandbox = make_sandbox(commands={"hand-over": InsideCommand("it's $HERE", "OTHER")})
    command = (
        r"""printf 1 > "it's \$HERE"; printf 2 > b; hand-over; OTHER=b hand-over; hand-over b"""
    )
    contents: list[tuple[str, bytes]] = []

    def on_request(request: Request) -> Reply:
        contents.append((request.tool, request.content))
        return Reply(0, "heard\n")

    execution = answered(sandbox, command + "; submit 2>/dev/null; echo $?", on_request)
    assert contents == [("hand-over", b"1"), ("hand-over", b"2"), ("hand-over", b"2")]
    assert execution.output == b"heard\nheard\nheard\n127\n"


def test_what_is_too_large_to_be_handed_in_never_reaches_the_host(
    make_sandbox: MakeSandbox,
) -> None:
    def on_request(request: Request) -> Reply:
        return Reply(0, f"{len(request.content)} bytes came\n")

    sandbox = make_sandbox(most_handed_in=1000)
    command = "head -c 1000 /dev/zero >s.csv; submit s.csv; echo >>s.csv; submit s.csv; mkdir f; "
    execution = answered(sandbox, command + "cp s.csv f; validate f", on_request)
    assert execution.output.decode().splitlines() == [
        "1000 bytes came",
        f"submit: {sandbox.workspace}/s.csv: has 1001 bytes, at most 1000 are allowed",
        f"validate: {sandbox.workspace}/f: s.csv: has 1001 bytes, at most 1000 are allowed",
    ]


@pytest.mark.slow("it hands in a quarter of a gigabyte")
def test_the_largest_file_is_the_same_whichever_way_it_leaves(make_sandbox: MakeSandbox) -> None:
    sizes: list[int] = []

    def on_request(request: Request) -> Reply:
        sizes.append(len(request.content))
        return Reply(0, "")

    sandbox = make_sandbox(most_handed_in=MOST_HANDED_IN)
    answered(sandbox, f"truncate -s {MOST_HANDED_IN} s.csv; submit s.csv", on_request)
    sizes.append(len(sandbox.fetch("s.csv", max_bytes=MOST_HANDED_IN)))
    assert sizes == [MOST_HANDED_IN] * 2
    assert sandbox.execute("echo alive", timeout=60).output == b"alive\n"


def test_submit_says_why_a_file_cannot_be_taken(sandbox: Sandbox) -> None:
    def on_request(request: Request) -> Reply:
        raise AssertionError("nothing should reach the host")

    command = "submit; echo $?; mkfifo p; submit p; echo $?; submit a b; echo $?"
    execution = answered(sandbox, command, on_request)
    lines = execution.output.decode().splitlines()
    assert "submission.csv: no such file" in lines[0]
    assert lines[1:] == [
        "1",
        f"submit: {sandbox.workspace}/p: is not a regular file",
        "1",
        "usage: submit [PATH]    (default: submission.csv)",
        "2",
    ]


def test_a_rejected_call_lets_the_command_go_on(sandbox: Sandbox) -> None:
    command = "echo 1 > submission.csv; submit; echo status $?"
    execution = answered(sandbox, command, lambda request: Reply(1, "not valid\n"))
    assert execution.output == b"not valid\nstatus 1\n"


@pytest.mark.parametrize("end", ["cancel", "go on"])
def test_a_call_that_nobody_answers_ends_with_its_command(sandbox: Sandbox, end: str) -> None:
    event = sandbox.begin("echo 1 > s.csv; sleep 77 & submit s.csv; touch after", timeout=30)
    assert isinstance(event, Request)
    if end == "cancel":
        sandbox.cancel()
    assert sandbox.execute("ls", timeout=9).output.split() == [b"s.csv"]


def test_where_nobody_answers_calls_say_so(sandbox: Sandbox) -> None:
    execution = sandbox.execute("touch s.csv; validate s.csv; echo $?", timeout=9)
    assert execution.output == b"validate is not available here\n1\n"


# ------------------------------------------------------------------------------------- life cycle


def test_closing_twice_is_fine_and_later_calls_raise(sandbox: Sandbox) -> None:
    sandbox.close()
    sandbox.close()
    with pytest.raises(SandboxCrashed, match="closed"):
        sandbox.execute("true", timeout=5)


def test_two_sandboxes_share_nothing(make_sandbox: MakeSandbox) -> None:
    first, second = make_sandbox(), make_sandbox()
    run(first, "echo 1 > mine; export MINE=1")
    assert run(second, "ls; echo $MINE") == (0, "\n")


def test_the_hosts_environment_is_not_passed_on(
    make_sandbox: MakeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "xyzzy-secret")
    sandbox = make_sandbox(environment=(("GREETING", "hello"),))
    _, output = run(
        sandbox, "env; cat /proc/1/environ 2>/dev/null | tr '\\0' '\\n'; echo $GREETING"
    )
    assert "hello" in output
    if sandbox.backend != "subprocess":
        assert "xyzzy" not in output
        assert str(Path.home()) not in output or os.getuid() == 0
