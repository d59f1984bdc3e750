"""Data are compared with the checksums that MLE-bench publishes, and its known issues are shown."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mle_gym.datasets.dataset import DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.errors import TaskError
from mle_gym.integrations.mle_bench import checksums
from mle_gym.integrations.mle_bench.checkout import import_mle_bench
from mle_gym.integrations.mle_bench.checksums import check_checksums, published_checksums
from mle_gym.integrations.mle_bench.known_issues import issues_of, known_issues
from mle_gym.integrations.mle_bench.published import competitions
from mle_gym.integrations.mle_dojo import import_mle_dojo
from mle_gym.tasks.catalog import load_task
from tests.cli.conftest import Command, command  # noqa: F401
from tests.integrations.conftest import add_competition, write

SPOOKY = "spooky-author-identification"
ROWS = "".join(f"id{n},words {n},{('EAP', 'HPL', 'MWS')[n % 3]}\n" for n in range(30))
TRAIN = f"id,text,author\n{ROWS}"
ANSWERS = "id,EAP,HPL,MWS\nid90,1,0,0\nid91,0,1,0\nid92,0,0,1\n"


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLE_GYM_CACHE", str(tmp_path / "cache"))


def test_all_competitions_have_checksums_of_archive_answers_and_public_files() -> None:
    assert published_checksums().keys() == competitions().keys()
    for each in published_checksums().values():
        sums = [each["zip"], *each["public"].values(), *each["private"].values()]
        assert all(len(bytes.fromhex(one)) == 16 for one in sums)


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A competition's folder in MLE-bench's cache, with the archive, and its checksums."""
    folder = tmp_path / "bench" / SPOOKY
    files = {
        "prepared/public/train.csv": TRAIN,
        "prepared/public/test.csv": "id,text\nid90,a\nid91,b\nid92,c\n",
        "prepared/public/sample_submission.csv": ANSWERS.replace("1,0,0", "0.4,0.3,0.3"),
        "prepared/private/test.csv": ANSWERS,
    }
    for name, text in files.items():
        write(folder / name, text)
    with zipfile.ZipFile(folder / f"{SPOOKY}.zip", "w") as archive:
        archive.writestr("train.csv", TRAIN)
    expected: dict[str, Any] = {"zip": md5((folder / f"{SPOOKY}.zip").read_bytes())}
    for name, text in files.items():
        _, part, file = name.split("/")
        expected.setdefault(part, {})[file] = md5(text.encode())
    monkeypatch.setattr(checksums, "published_checksums", lambda: {SPOOKY: expected})
    return folder


@pytest.mark.filterwarnings("ignore:.*expected 1,958 rows")
def test_what_mle_bench_prepared_agrees_until_it_is_changed(prepared: Path) -> None:
    task = load_task(SPOOKY)
    checked = check_checksums(prepare(task, source=prepared))
    assert checked is not None
    assert checked.sound
    assert checked.matching == (
        "zip",
        "public/sample_submission.csv",
        "public/test.csv",
        "public/train.csv",
        "private/test.csv",
    )
    write(prepared / "prepared" / "private" / "test.csv", ANSWERS + "id93,1,0,0\n")
    (prepared / "prepared" / "public" / "train.csv").unlink()
    changed = check_checksums(prepare(task, source=prepared))
    assert changed is not None
    assert (changed.differing, changed.missing) == (("private/test.csv",), ("public/train.csv",))


@pytest.mark.filterwarnings("ignore:.*expected 1,958 rows")
def test_prepare_says_so_and_fails_only_if_asked(prepared: Path, command: Command) -> None:  # noqa: F811
    sound = command("prepare", SPOOKY, "--from", prepared, "--json")
    assert sound.code == 0
    assert sound.json[0]["checksums"]["differing"] == []
    write(prepared / "prepared" / "public" / "test.csv", "id,text\nid90,a\nid91,b\nid92,C\n")
    other = command("prepare", SPOOKY, "--from", prepared)
    assert other.code == 0
    assert f"{SPOOKY}: public/test.csv differs, by MLE-bench's checksums" in other.err
    assert "checksums" not in command("prepare", SPOOKY).err  # it is in the cache
    assert command("prepare", SPOOKY, "--checksums").code == 1


def test_other_tasks_and_other_variants_have_nothing_to_compare() -> None:
    assert check_checksums(prepare("titanic")) is None
    assert check_checksums(prepare("titanic", DatasetOptions(3))) is None


def test_an_imported_competition_is_compared_with_its_checkout(
    imported: Path, mle_bench: Path, raw: Path
) -> None:
    answers = "id,y\n1,a\n2,b\n3,a\n4,a\n"
    file = mle_bench / "mlebench" / "competitions" / "Fruit" / "checksums.yaml"
    write(
        file,
        f"public:\n  sampleSubmission.csv: {md5(b'other')}\n  gone.csv: {md5(b'')}\n"
        f"private:\n  test.csv: {md5(answers.encode())}\nzip: {md5(b'')}\n",
    )
    import_mle_bench(mle_bench)
    checked = check_checksums(prepare(load_task("mlebench-fruit"), source=raw))
    assert checked is not None
    assert checked.matching == ("private/test.csv",)
    assert (checked.differing, checked.missing) == (
        ("public/sampleSubmission.csv",),
        ("public/gone.csv",),
    )


@pytest.mark.parametrize(
    "content", ["public:\n  ../../x.csv: 00\n", "public: [a]\n", "- public\n", "public: {: \n"]
)
def test_checksums_that_are_none_are_a_problem(
    imported: Path, mle_bench: Path, content: str
) -> None:
    write(mle_bench / "mlebench" / "competitions" / "Fruit" / "checksums.yaml", content)
    with pytest.raises(TaskError, match="Fruit"):
        import_mle_bench(mle_bench)


def test_known_issues_are_those_of_competitions() -> None:
    assert {issue.competition for issue in known_issues()} <= competitions().keys()
    assert len({issue.competition for issue in known_issues()}) == 11


def test_show_has_them_and_says_what_is_different_here(command: Command) -> None:  # noqa: F811
    shown = " ".join(command("show", "random-acts-of-pizza").out.split())
    assert "Known issues of MLE-bench" in shown
    assert "Here: The field is N/A in the whole test set." in shown
    data = command("show", "ranzcr-clip-catheter-line-classification", "--json").json
    assert data["known_issues"][0]["link"].endswith("/issues/30")
    assert command("show", "titanic", "--json").json["known_issues"] == []
    assert "Known issues" not in command("show", "leaf-classification").out


def test_imported_ones_have_them_unmended_and_others_none(
    imported: Path, mle_bench: Path, mle_dojo: Path
) -> None:
    for root, package in ((mle_bench, "mlebench"), (mle_dojo, "mledojo")):
        folder = root / package / "competitions"
        old = "Fruit" if package == "mlebench" else "fruit"
        (folder / old).rename(folder / "random-acts-of-pizza")
        for file in (folder / "random-acts-of-pizza").rglob("config.yaml"):
            file.write_text(file.read_text().replace("Fruit", "random-acts-of-pizza", 1))
    (found,), _ = import_mle_bench(mle_bench)
    assert "MLE-bench knows issues of it: `mle-gym show`" in found.notes
    (issue,) = issues_of(load_task("mlebench-random-acts-of-pizza"))
    assert (issue.here, "giver" in issue.text) == ("", True)
    import_mle_dojo(mle_dojo)
    assert issues_of(load_task("dojo-random-acts-of-pizza")) == []


def test_a_note_about_many_tasks_is_one_line(
    imported: Path,
    mle_bench: Path,
    command: Command,  # noqa: F811
) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\n"
    for name in ("Apple", "champs-scalar-coupling", "Pear"):
        add_competition(mle_bench, name, pointer)
    result = command("import", "mle-bench", mle_bench)
    assert [line.split(": ")[0] for line in result.err.splitlines()[:-1]] == [
        "mlebench-apple, mlebench-pear",  # of which nothing is published
        "mlebench-champs-scalar-coupling",
        "mlebench-champs-scalar-coupling",
    ]
    shown = " ".join(command("show", "mlebench-fruit").out.split())
    assert "32768 MiB of disk (mle-bench's conditions)" in shown
    assert len(result.out.splitlines()) == 4 + 4  # a line for each task, and the table's frame
    found = command("import", "mle-bench", mle_bench, "--json").json
    assert [len(each["notes"]) for each in found] == [1, 0, 1, 2]
