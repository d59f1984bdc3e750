"""Files that only the task's own ``grade_file`` reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.errors import DatasetError, SubmissionError, TaskError
from mle_gym.grading.graders.single_file import SingleFileGrader
from mle_gym.tasks.load import load_folder

TASK = """
title = "Notes"
id = "notes"
kind = "other"
[data]
loader = "files"
ref = "raw.txt"
[submission]
kind = "file"
max_bytes = 2_000_000
[grade]
metric = "own"
worst = 0.0
best = 1.0
[grader]
seconds = 2
memory_mb = 300
"""
GRADE = """
from pathlib import Path
from mle_gym.errors import DatasetError, SubmissionError

def grade_file(submission: Path, private: Path) -> float:
    truth = (private / "deep" / "answers.txt").read_text().split()
    text = submission.read_text()
    if "short" in text:
        raise SubmissionError("short", "expected more")
    if "loop" in text:
        while True:
            pass
    if "no data" in text:
        raise DatasetError("nothing to grade with")
    if "text" in text:
        return "0.5"
    found = [line.split(",")[1] for line in text.split()[1:]]
    return sum(float(a) == float(b) for a, b in zip(found, truth, strict=True)) / len(truth)
"""
SAMPLE = "id,y\na,0\nb,0\n"


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., SingleFileGrader]:
    """A grader with such a ``grade.py`` and such a sample submission."""

    def make(program: str = GRADE, sample: str | bytes = SAMPLE) -> SingleFileGrader:
        task, public = tmp_path / "notes", tmp_path / "public"
        private = tmp_path / "private" / "deep"
        for folder in (task, public, private):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (private, private.parent):
            folder.chmod(0o700)  # as the cache has it: nobody else may read answers
        (private / "answers.txt").write_text("1 2")
        (private / "answers.txt").chmod(0o600)
        content = sample if isinstance(sample, bytes) else sample.encode()
        (public / "sample_submission.csv").write_bytes(content)
        files = {"task.toml": TASK, "description.md": "d", "raw.txt": "r", "prepare.py": ""}
        for name, text in (files | {"grade.py": program}).items():
            (task / name).write_text(text)
        options = DatasetOptions()
        return SingleFileGrader(Dataset(load_folder(task), options, public, private.parent, "d"))

    return make


def test_the_function_gets_the_file_and_the_answers(make: Callable[..., SingleFileGrader]) -> None:
    grader = make()
    assert grader.grade(b"id,y\na,1\nb,0\n").score == 0.5
    assert grader.grade(b"id,y\na,1\nb,2\n").score == 1.0


def test_answers_that_were_prepared_anew_count(
    make: Callable[..., SingleFileGrader], tmp_path: Path
) -> None:
    assert make().grade(b"id,y\na,1\nb,2\n").score == 1.0
    (tmp_path / "private").rename(tmp_path / "old")
    grader = make()
    (tmp_path / "private" / "deep" / "answers.txt").write_text("1 7")
    assert grader.grade(b"id,y\na,1\nb,2\n").score == 0.5


@pytest.mark.slow("graders in sandboxes start")
def test_it_is_to_blame_only_if_it_fails_on_the_sample_too(
    make: Callable[..., SingleFileGrader],
) -> None:
    grader = make()
    refusals = {
        b"short": ("short", "expected more"),
        b"id,y\na,x\nb,1": ("refused", "failed on this submission (ValueError)"),
        b"\xff\xfe": ("refused", "failed on this submission (UnicodeDecodeError)"),
        b"text": ("refused", "failed on this submission"),
        b"loop": ("too_slow", "grading took over 2 s"),
    }
    for content, (code, message) in refusals.items():
        grade = grader.grade(content)
        assert (grade.valid, grade.error_code) == (False, code)
        assert message in grade.error_message
    with pytest.raises(DatasetError, match="nothing to grade with"):
        grader.grade(b"no data")
    with pytest.raises(TaskError, match="failed on the sample submission: KeyError"):
        make("def grade_file(a, b): return {}['x']").grade(b"id,y\na,1\nb,0\n")


WIDE = b"id,y," + b",".join(b"c%d" % n for n in range(200_000)) + b"\n"
SHAPES = {
    "another table": (b"id,z\na,1\n", "missing_column"),
    "twice": (b"id,y,y\na,1,1\n", "duplicate_column"),
    "a row too many": (b"id,y\na,1\nb,1\nc,1\n", "wrong_row_count"),
    "an unknown id": (b"id,y\na,1\nc,1\n", "unknown_ids"),
    "an id too few": (b"id,y\na,1\n", "missing_ids"),
    "an id twice": (b"id,y\na,1\na,1\n", "missing_ids"),
    "a short row": (b"id,y\na\nb,1\n", "ragged_row"),
    "many columns": (WIDE, "too_many_columns"),
    "too many bytes": (b"x" * 2_000_001, "too_large"),
    "no text": (b"\x80\x04", "not_csv"),
    "nothing": (b"", "empty_file"),
}


@pytest.mark.parametrize(("content", "code"), SHAPES.values(), ids=list(SHAPES))
def test_validating_looks_at_the_sample_and_at_nothing_else(
    make: Callable[..., SingleFileGrader], tmp_path: Path, content: bytes, code: str
) -> None:
    grader = make("raise SystemExit('nobody asked for a grade')")
    (tmp_path / "private" / "deep" / "answers.txt").unlink()
    assert grader.validate(content).code == code
    assert grader.validate(b"id,y,more\nb,1,2\na,0,3\n").valid


def test_a_file_that_no_grader_should_have_to_read_reaches_none(
    make: Callable[..., SingleFileGrader],
) -> None:
    grader = make("raise SystemExit('nobody asked for a grade')")
    assert grader.grade(WIDE).error_code == "too_many_columns"
    assert grader.grade(b"\xff" + WIDE).error_code == "too_many_columns"
    assert grader.grade(b"id,y\n" + WIDE).error_code == "too_many_columns"
    assert grader.grade(b"x" * 2_000_001).error_code == "too_large"


def test_where_the_sample_is_no_table_only_size_is_checked(
    make: Callable[..., SingleFileGrader],
) -> None:
    grader = make(sample=b"\x89PNG\r\n")
    assert grader.validate(b"\x89PNG anything").valid
    assert grader.validate(b"x" * 2_000_001).code == "too_large"


def test_values_may_be_as_long_as_masks_of_large_images(
    make: Callable[..., SingleFileGrader],
) -> None:
    mask = b" ".join(b"%d 1" % n for n in range(100_000))
    assert make().validate(b"id,y\na," + mask + b"\nb,1\n").valid
    assert make().grade(b"id,y\na," + mask + b"\nb,1\n").error_code == "refused"


def test_ids_that_repeat_in_the_sample_are_not_compared(
    make: Callable[..., SingleFileGrader],
) -> None:
    grader = make(sample="image,box\na,1\na,2\nb,3\n")
    assert grader.validate(b"image,box\na,1\n").valid


def test_there_is_no_public_part(make: Callable[..., SingleFileGrader]) -> None:
    with pytest.raises(SubmissionError, match="no public part") as caught:
        make().public_score(b"id,y\na,1\nb,0\n")
    assert not caught.value.saw_answers
