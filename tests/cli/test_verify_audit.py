from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command

pytestmark = pytest.mark.usefixtures("sandbox")


@pytest.fixture
def record(command: Command, coins: Path) -> Path:
    """The record of an episode, which the solution won."""
    assert command("run", coins, "--agent", "solution", "--out", "won.jsonl").code == 0
    return Path("won.jsonl")


def test_verify_confirms_an_honest_record(command: Command, record: Path) -> None:
    result = command("verify", record)
    assert result.code == 0
    assert "confirmed  won.jsonl" in result.out
    assert "graded again: 1" in result.out
    assert json.loads(record.read_bytes().splitlines()[-1])["hash"] in result.out


def test_verify_refutes_an_edited_record_and_says_where(command: Command, record: Path) -> None:
    edited = Path("edited.jsonl")
    edited.write_text(record.read_text().replace('"steps_left": 1', '"steps_left": 2'))
    result = command("verify", record, edited, "--json")
    assert result.code == 1
    assert [each["verdict"] for each in result.json] == ["confirmed", "refuted"]
    failed = [each for each in result.json[1]["findings"] if each["status"] == "failed"]
    assert {each["check"] for each in failed} == {"chain", "steps"}
    assert failed[0]["detail"].startswith("line 3 (step 2): hash: expected")
    assert failed[1]["detail"] == "step 2: observation.steps_left: expected 1, found 2"


def test_a_folder_stands_for_the_records_in_it(command: Command, record: Path) -> None:
    folder = Path("run/episodes")
    folder.mkdir(parents=True)
    record.rename(folder / "won.jsonl")
    (folder / "won.json").write_text("{}")
    assert [each["path"] for each in command("verify", "run", "--json").json] == [
        "run/episodes/won.jsonl"
    ]
    assert command("audit", "run").code == 0
    Path("empty").mkdir()
    for name in ("verify", "audit"):
        result = command(name, "empty")
        assert result.code == 2
        assert "found none" in result.err


def test_an_unknown_task_exits_with_3_and_can_be_named(
    command: Command, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mle_gym.tasks import catalog

    monkeypatch.setattr(catalog, "_registered", {})
    result = command("verify", record)
    assert result.code == 3
    assert "no task 'coins' is known here" in result.out
    assert command("verify", record, "--task", "./coins").code == 0


def test_a_key_file_signs_and_verifies(
    command: Command, coins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("key").write_text("correct horse battery\n")
    words = ["run", coins, "--agent", "solution", "--key-file", "key", "--out", "signed.jsonl"]
    assert command(*words).code == 0
    assert command("verify", "signed.jsonl").code == 3
    monkeypatch.setenv("MLE_GYM_KEY_FILE", "key")
    result = command("verify", "signed.jsonl")
    assert result.code == 0
    assert "signed with this key" in result.out
    Path("key").write_text("short")
    result = command("verify", "signed.jsonl")
    assert (result.code, result.err) == (
        2, "error: --key-file: key: expected a key of at least 16 bytes, found 5\n"
    )  # fmt: skip


@pytest.mark.parametrize("content", [None, "", "junk\n"])
def test_a_file_that_is_not_a_trajectory_is_a_usage_error(
    command: Command, content: str | None
) -> None:
    if content is not None:
        Path("x.jsonl").write_text(content)
    for command_name in ("verify", "replay", "audit"):
        for file in ("x.jsonl", ".", "/dev/null"):
            result = command(command_name, file)
            assert result.code == 2
            assert result.err.startswith("error: ")


@pytest.fixture
def hand_made(command: Command, coins: Path) -> Path:
    """The record of an agent that labels by hand and uses the network."""
    answers = "\n".join(f"echo {number},{number % 2} >> submission.csv" for number in range(61, 81))
    Path("cheat.txt").write_text(f"curl http://example.org/x\n{answers}\nsubmit\n")
    agent = (
        "from pathlib import Path\n"
        "class Cheat:\n"
        "    def reset(self, observation, info):\n"
        "        text = Path('cheat.txt').read_text()\n"
        "        self.actions = ['curl http://example.org/x', 'echo id,side > submission.csv\\n'\n"
        "                        + text.partition('x\\n')[2]]\n"
        "    def act(self, observation, info):\n"
        "        return self.actions.pop(0)\n"
    )
    Path("cheat.py").write_text(agent)
    command("run", coins, "--agent", "cheat.py", "--out", "cheat.jsonl")
    return Path("cheat.jsonl")


def test_audit_names_rule_step_and_evidence(command: Command, hand_made: Path) -> None:
    result = command("audit", hand_made)
    assert result.code == 1
    assert "violation  cheat.jsonl" in result.out
    assert "suspicious step 1    network            curl http://example.org/x" in result.out
    assert "violation  step 2    hand-labels        20 of 20 rows as handed in: echo" in result.out


def test_audit_of_an_honest_record_claims_no_more_than_it_knows(
    command: Command, record: Path
) -> None:
    result = command("audit", record)
    assert (result.code, result.out) == (0, "no rule matched  won.jsonl\n")


def test_audit_as_json(command: Command, record: Path, hand_made: Path) -> None:
    result = command("audit", record, hand_made, "--json")
    assert result.code == 1
    assert [each["worst"] for each in result.json] == [None, "violation"]
    finding = result.json[1]["findings"][0]
    assert finding.keys() == {"rule", "severity", "step", "evidence", "meaning"}


def test_audit_compares_with_references(command: Command, record: Path, coins: Path) -> None:
    words = ["audit", record, "--references", coins]
    result = command(*words)
    assert result.code == 1
    assert "similar            solution.py: 100% of it also appears in solution.py" in result.out
    assert result.out.count("similar") == 1
    assert command(*words, "--threshold", "2").code == 2


@pytest.mark.parametrize("content", [None, "", "junk\n"])
def test_audit_of_a_file_that_is_not_a_trajectory_is_a_usage_error(
    command: Command, content: str | None
) -> None:
    if content is not None:
        Path("x.jsonl").write_text(content)
    assert command("audit", "x.jsonl").code == 2


def test_audit_with_bad_references_is_a_usage_error(command: Command, record: Path) -> None:
    Path("empty").mkdir()
    result = command("audit", record, "--references", "empty")
    assert result.code == 2
    assert "expected files that end in .py" in result.err
    assert command("audit", record, "--references", "nowhere").code == 2
