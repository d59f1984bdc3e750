"""Records are confirmed, refuted or left undecided for the right reasons."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mle_gym.datasets.dataset import DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.episode.reference_programs import measure_ceiling
from mle_gym.errors import TrajectoryError
from mle_gym.paths import bundled
from mle_gym.trajectories import stored_submission
from mle_gym.trajectories.rollout import rollout
from mle_gym.trajectories.trajectory import Trajectory
from mle_gym.trajectories.verify.run_verification import Verification, verify_trajectory
from tests.trajectories.verify.conftest import ACTIONS, Forge, Scripted, failures, play, status

pytestmark = pytest.mark.bubblewrap
Lines = list[dict[str, Any]]
KEY, OTHER_KEY = b"0123456789abcdef", b"fedcba9876543210"
FORMAT_1 = Path(__file__).with_name("format_1.jsonl")


def test_an_honest_record_is_confirmed(recorded: Path) -> None:
    result = verify_trajectory(recorded)
    assert failures(result) == ""
    assert result.verdict == "confirmed"
    assert {finding.severity for finding in result.findings} == {"passed"}
    assert result.head == Trajectory.read(recorded).head
    json.dumps(result.to_dict(), allow_nan=False)


def test_the_record_says_what_made_it(recorded: Path) -> None:
    trajectory = Trajectory.read(recorded)
    header, footer = trajectory.header, trajectory.footer or {}
    settings = header["settings"]
    assert (header["task"], header["variant"], header["seed"]) == ("zoo", 0, 3)
    assert (header["agent"], header["backend"]) == ("scripted", "bubblewrap")
    assert len(header["digest"]) == len(header["task_digest"]) == 64
    assert {"python", "mle-gym", "scikit-learn", "pandas", "numpy"} <= header["versions"].keys()
    assert header["packages"]["pandas"] == header["versions"]["pandas"]
    assert "pytest" not in header["packages"]
    assert any("id_62" in file for file in header["masked"])
    assert settings["network"] is False
    assert settings["limits"]["memory_mb"] == 2048
    assert (settings["train_rows"], settings["obfuscate"]) == (None, False)
    assert (settings["reward"], settings["max_steps"]) == ("score", 9)
    assert (footer["validate_calls"], footer["score_calls"]) == (3, 1)
    content = stored_submission.unpack_submission(footer["submission"], 2**20)
    assert content.startswith(b"id,type\n")
    assert b"bird" in content


def set_in(place: int, *keys: str, to: Any) -> Callable[[Lines], None]:
    """A change of one field of one line."""

    def change(lines: Lines) -> None:
        value: Any = lines[place]
        for key in keys[:-1]:
            value = value[key]
        value[keys[-1]] = to

    return change


def raise_score(lines: Lines) -> None:
    """A better grade, in every place that has it."""
    better = lines[-1]["grade"] | {"score": 0.9, "normalized": 0.9}
    lines[-1]["grade"] = lines[-2]["info"]["grade"] = better
    lines[-2]["reward"] = lines[-1]["return"] = 0.9


def raise_reward(lines: Lines) -> None:
    lines[-2]["reward"] = lines[-1]["return"] = 0.9


def other_submission(lines: Lines) -> None:
    lines[-1]["submission"] = stored_submission.pack_submission(b"id,type\n1,bird\n")


def no_submission(lines: Lines) -> None:
    lines[-1]["submission"] = None


def a_step_less(lines: Lines) -> None:
    del lines[2]
    lines[-1]["steps"] -= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (raise_score, "score: grade.score: expected 0.14285714285714285, found 0.9"),
        (raise_reward, "reward: expected a sum of 0.142857"),
        (other_submission, "submission: submission.sha256: expected"),
        (no_submission, "submission: grade.sha256: expected '' without a submission"),
        (set_in(-1, "submission", "zlib", to="eJw="), "submission: submission.bytes: expected"),
        (set_in(-1, "submission", "zlib", to="!"), "submission: submission."),
        (set_in(-1, "submission", "bytes", to=10**6), "submission: submission.bytes: expected"),
        (a_step_less, "step 2: observation.steps_left: expected 7, found 6"),
        (set_in(3, "reward", to=1.0), "return: expected 1.14285"),
        (set_in(3, "reward", to=True), "step 3: reward: expected a number, found true"),
        (set_in(3, "reward", to=10**400), "step 3: reward: expected a number"),
        (set_in(3, "terminated", to=True), "step 3: terminated: expected no step after"),
        (set_in(3, "info", "task", to="wine"), 'step 3: info.task: expected "zoo"'),
        (set_in(3, "info", "grade", to={}), "step 3: info.grade: expected a grade in the last"),
        (set_in(3, "time", to=-1), "step 3: time: expected"),
        (set_in(0, "task", to="wine"), 'info.task: expected "wine" as in the header, found "zoo"'),
        (set_in(0, "task", to="../evil"), "header: task: expected an id such as 'titanic'"),
        (set_in(0, "variant", to="0"), 'header: variant: expected an integer, found "0"'),
        (set_in(0, "digest", to="0" * 64), "dataset: digest: expected"),
        (set_in(0, "task_digest", to=None), "header: task_digest: expected 64 hexadecimal"),
        (set_in(0, "seed", to="3"), 'header: seed: expected an integer or null, found "3"'),
        (set_in(0, "versions", to=None), "header: versions: expected an object, found null"),
        (set_in(0, "settings", "network", to="no"), "header: settings.network: expected true"),
        (set_in(0, "settings", "train_rows", to=-5), "header: settings.train_rows: expected"),
        (lambda lines: lines[0]["settings"].pop("limits"), "settings.limits: expected an object"),
        (lambda lines: lines[0].pop("backend"), "backend: expected text, found no such field"),
        (lambda lines: lines[-1].pop("score_calls"), "footer: score_calls: expected"),
        (set_in(-1, "steps", to=4), "footer: steps: expected 5 of the steps, found 4"),
        (set_in(-1, "score_calls", to=6), "footer: score_calls: expected at most 5, found 6"),
        (set_in(-1, "terminated", to=False), "footer: terminated: expected true"),
        (set_in(-1, "grade", to={"$array": [1, 2], "dtype": "<i8"}), "footer: grade: expected an"),
        (lambda lines: lines.pop(), "without a footer"),
    ],
)
def test_a_false_record_is_refuted_even_with_a_new_chain(
    forge: Forge, change: Callable[[Lines], object], message: str
) -> None:
    result = verify_trajectory(forge(change))
    assert result.verdict == "refuted"
    assert message in failures(result)
    assert status(result, "chain") == {"passed"}


def test_the_chain_names_the_line_that_does_not_fit(recorded: Path, tmp_path: Path) -> None:
    lines = recorded.read_bytes().splitlines(keepends=True)
    path = tmp_path / "edited.jsonl"
    path.write_bytes(b"".join([*lines[:3], lines[3].replace(b'"reward": 0.0', b'"reward": 0.5'),
                               *lines[4:]]))  # fmt: skip
    assert "chain: line 4 (step 3): hash: expected" in failures(verify_trajectory(path))
    path.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    assert "chain: line 4 (step 3): hash: expected" in failures(verify_trajectory(path))


def test_what_a_killed_run_left_is_whole_as_far_as_it_goes(recorded: Path, tmp_path: Path) -> None:
    lines = recorded.read_bytes().splitlines(keepends=True)
    path = tmp_path / "cut.jsonl"
    path.write_bytes(b"".join(lines[:4]) + lines[4][:50])
    result = verify_trajectory(path)
    assert result.verdict == "refuted"
    assert status(result, "chain") == status(result, "steps") == {"passed"}
    assert (
        failures(result) == f"end: {path}:5: the last line is cut: the run was killed in that step"
    )


def test_a_signature_needs_its_key(recorded: Path, forge: Forge, tmp_path: Path) -> None:
    signed = tmp_path / "signed.jsonl"
    play(signed, key=KEY)
    assert verify_trajectory(signed, key=KEY).verdict == "confirmed"
    assert verify_trajectory(signed).verdict == "undecided"
    assert "(header): hash: expected" in failures(verify_trajectory(signed, key=OTHER_KEY))
    unsigned = verify_trajectory(recorded, key=KEY)
    assert "expected 'hmac-sha256', found 'sha256'; it was not signed" in failures(unsigned)
    guessed = forge(raise_reward, source=signed, key=OTHER_KEY)
    assert verify_trajectory(guessed, key=KEY).verdict == "refuted"
    with pytest.raises(ValueError, match="expected a key of at least 16 bytes, found 3"):
        verify_trajectory(signed, key=b"abc")


def test_only_head_or_key_tell_of_a_forger_who_keeps_the_score(
    recorded: Path, forge: Forge, tmp_path: Path
) -> None:
    claim = set_in(0, "agent", to="somebody else")
    forged = verify_trajectory(forge(claim))
    assert forged.verdict == "confirmed"
    assert forged.head != verify_trajectory(recorded).head
    signed = tmp_path / "signed.jsonl"
    play(signed, key=KEY)
    assert verify_trajectory(forge(claim, source=signed), key=KEY).verdict == "refuted"


def test_other_versions_leave_a_different_score_undecided(forge: Forge) -> None:
    def older(lines: Lines) -> None:
        raise_score(lines)
        lines[0]["versions"]["scikit-learn"] = "0.1"

    result = verify_trajectory(forge(older))
    assert result.verdict == "undecided"
    detail = next(f.detail for f in result.findings if f.check == "score")
    assert "found 0.9" in detail
    assert "scikit-learn was 0.1 and is " in detail


def test_a_variant_made_with_another_secret_is_undecided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "zoo.jsonl"
    monkeypatch.setenv("MLE_GYM_SECRET", "the secret of one laboratory")
    play(record, variant=2, actions=("submit data/sample_submission.csv",))
    assert "the secret of" not in record.read_text()
    assert verify_trajectory(record).verdict == "confirmed"
    monkeypatch.setenv("MLE_GYM_SECRET", "the secret of another laboratory")
    other = verify_trajectory(record)
    assert other.verdict == "undecided"
    assert "MLE_GYM_SECRET was " in str(other)


def test_other_versions_don_t_matter_where_the_score_is_the_same(forge: Forge) -> None:
    def older(lines: Lines) -> None:
        lines[0]["versions"]["pandas"] = "0.1"
        lines[0]["digest"] = "0" * 64

    result = verify_trajectory(forge(older))
    assert result.verdict == "confirmed"
    assert status(result, "dataset") == {"undecided"}


@pytest.mark.slow("it verifies in new processes")
def test_a_task_must_be_known_or_named(forge: Forge, tmp_path: Path) -> None:
    folder, record = tmp_path / "aviary", tmp_path / "aviary.jsonl"
    shutil.copytree(bundled("envs") / "zoo", folder)
    settings = folder / "task.toml"
    settings.write_text(settings.read_text().replace('id = "zoo"', 'id = "aviary"', 1))
    play(record, str(folder))
    unknown = verify_trajectory(record)
    assert unknown.verdict == "undecided"
    assert "no task 'aviary' is known here" in str(unknown)
    assert verify_trajectory(record, task=folder).verdict == "confirmed"
    assert "not of 'zoo'" in str(verify_trajectory(record, task="zoo"))

    settings.write_text(settings.read_text().replace("best = 1.0", "best = 2.0"))
    changed = verify_trajectory(record, task=folder)
    assert changed.verdict == "undecided"
    assert "the task's files have changed" in str(changed)


@pytest.mark.parametrize(
    ("actions", "detail"),
    [(("ls",), "there was none"), (("echo nonsense > x && submit x",), "9 bytes, as graded")],
)
def test_an_episode_without_a_good_submission_is_confirmed(
    tmp_path: Path, actions: tuple[str, ...], detail: str
) -> None:
    path = tmp_path / "poor.jsonl"
    assert not play(path, actions=actions, max_steps=1)["grade"]["valid"]
    result = verify_trajectory(path)
    assert (result.verdict, failures(result)) == ("confirmed", "")
    assert detail in str(result)


@pytest.mark.parametrize(
    ("reward", "expected"),
    [("anchored", "passed"), ("milestones", "passed"), ("builtins:bool", "undecided")],
)
@pytest.mark.slow("it plays and verifies episodes of real tasks")
def test_a_reward_is_computed_again_unless_it_is_the_user_s_own(
    tmp_path: Path, reward: str, expected: str
) -> None:
    path = tmp_path / "other.jsonl"
    play(path, reward=reward, variant=5, train_rows=20)
    result = verify_trajectory(path)
    assert result.verdict == "confirmed"
    assert status(result, "reward") == {expected}


def test_a_ceiling_is_vouched_for_only_where_it_is_known(tmp_path: Path, forge: Forge) -> None:
    path = tmp_path / "other.jsonl"
    play(path, variant=6)

    def verify(ceiling: float) -> Verification:
        def raise_ceiling(lines: Lines) -> None:
            for grade in (lines[-1]["grade"], lines[-2]["info"]["grade"]):
                grade["ceiling"] = ceiling

        return verify_trajectory(forge(raise_ceiling, source=path))

    dataset = prepare("zoo", DatasetOptions(6))
    (dataset.public.parent / "anchors.json").unlink(missing_ok=True)
    result = verify(0.15)
    assert status(result, "ceiling") == {"undecided"}
    assert result.verdict == "confirmed"
    assert "grade.ceiling: expected None" in failures(verify(10**400))
    measure_ceiling(dataset)
    for ceiling in (0.15, 10**400):
        result = verify(ceiling)
        assert not status(result, "ceiling")
        assert "grade.ceiling: expected" in failures(result)


def test_a_submission_too_large_to_be_kept_is_undecided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_submission, "MAX_STORED_BYTES", 10)
    path = tmp_path / "large.jsonl"
    assert play(path)["submission"]["zlib"] is None
    result = verify_trajectory(path)
    assert result.verdict == "undecided"
    assert "too large to be kept" in str(result)


def test_a_file_of_format_1_is_read_and_left_undecided() -> None:
    assert Trajectory.read(FORMAT_1).complete
    result = verify_trajectory(FORMAT_1)
    assert (result.verdict, failures(result), result.head) == ("undecided", "", "")
    assert status(result, "chain") == status(result, "score") == {"undecided"}
    assert status(result, "steps") == status(result, "footer") == {"passed"}


def test_an_episode_of_another_environment_is_undecided(tmp_path: Path) -> None:
    path = tmp_path / "cart.jsonl"
    with gymnasium.make("CartPole-v1", max_episode_steps=3) as env:
        rollout(env, Scripted((0, 1, 0)), seed=0, path=path)
    result = verify_trajectory(path)
    assert (result.verdict, failures(result)) == ("undecided", "")
    assert status(result, "chain") == {"passed"}


def test_a_file_that_is_not_a_trajectory_is_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"kind": "step"}\n')
    with pytest.raises(TrajectoryError, match="expected a trajectory's header line"):
        verify_trajectory(path)


def test_nothing_that_the_file_names_is_run(forge: Forge, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    shutil.copytree(bundled("envs") / "zoo", trap)
    (trap / "grade.py").write_text("raise SystemExit('ran')\n")

    def point(lines: Lines) -> None:
        lines[0]["env"]["kwargs"]["task"] = str(trap)
        lines[0]["settings"]["reward"] = "antigravity:fly"
        lines[0]["settings"]["sandbox_python"] = "/tmp/evil"

    assert verify_trajectory(forge(point)).verdict == "confirmed"  # of the zoo known here


def test_a_wrapper_s_reward_is_not_called_false(tmp_path: Path) -> None:
    path = tmp_path / "wrapped.jsonl"
    with gymnasium.make("mle/zoo-v0", sandbox="bubblewrap", feedback="score") as env:
        doubled = gymnasium.wrappers.TransformReward(env, lambda reward: 2 * reward)
        rollout(doubled, Scripted(ACTIONS), path=path)
    result = verify_trajectory(path)
    assert result.verdict == "confirmed"
    assert status(result, "reward") == {"undecided"}
    assert Trajectory.read(path).header["wrappers"] == ["TransformReward"]
