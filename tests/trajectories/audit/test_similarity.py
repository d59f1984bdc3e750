"""Programs compared with references."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mle_gym.paths import bundled
from tests.trajectories.audit.conftest import Audited, file

SOLUTION = (bundled("envs") / "titanic" / "solution.py").read_text()
OTHER = (bundled("envs") / "digits" / "baseline.py").read_text()


@pytest.fixture
def references(tmp_path: Path) -> Path:
    """A folder with a script and, below, the same as a notebook."""
    folder = tmp_path / "references"
    (folder / "more").mkdir(parents=True)
    (folder / "best.py").write_text(SOLUTION)
    half = SOLUTION.index("def features")
    cells = [
        {"cell_type": "markdown", "source": ["# words ", "that nobody runs"]},
        {"cell_type": "code", "source": SOLUTION[:half].splitlines(keepends=True)},
        {"cell_type": "code", "source": SOLUTION[half:]},
    ]
    (folder / "more" / "best.ipynb").write_text(json.dumps({"cells": cells}))
    return folder


def renamed(program: str) -> str:
    """The same with other names and comments, as a copyist would disguise it."""
    for old, new in (("passengers", "df"), ("survived", "y"), ("features", "build")):
        program = program.replace(old, new)
    return program.replace("    return", "    # that is all\n    return")


def test_a_disguised_copy_is_reported_with_what_matches(audited: Audited, references: Path) -> None:
    action = file("mine.py", renamed(SOLUTION))
    result = audited("ls", action, "python mine.py && submit", references=references)
    assert {each.reference for each in result.similarities} == {"best.py", "more/best.ipynb"}
    for similar in result.similarities:
        assert (similar.step, similar.path) == (2, "mine.py")
        assert similar.share > 0.9
        assert similar.fragments
        assert all(part in " ".join(renamed(SOLUTION).split())
                   for part in (text.rstrip("…") for text in similar.fragments))  # fmt: skip
    assert result.worst == "suspicious"


def test_a_heredoc_is_compared_too(audited: Audited, references: Path) -> None:
    result = audited(f"python - <<'END'\n{SOLUTION}END\nsubmit", references=references)
    assert [(each.step, each.path) for each in result.similarities] == [(1, "")] * 2


def test_another_program_for_another_task_is_not_similar(
    audited: Audited, references: Path
) -> None:
    result = audited(file("mine.py", OTHER), "python mine.py && submit", references=references)
    assert result.similarities == ()
    assert result.worst is None


def test_every_other_bundled_program_is_not_similar(audited: Audited, references: Path) -> None:
    programs = [*bundled("envs").glob("*/solution.py"), *bundled("envs").glob("*/baseline.py")]
    others = [path for path in programs if path.read_text() != SOLUTION]
    actions = [file(f"{at}.py", path.read_text()) for at, path in enumerate(others)]
    assert audited(*actions, references=references).similarities == ()


def test_of_a_file_s_versions_the_most_similar_is_reported(
    audited: Audited, references: Path
) -> None:
    versions = [OTHER, SOLUTION, OTHER]
    result = audited(*(file("mine.py", text) for text in versions), references=references)
    assert {(each.step, each.share) for each in result.similarities} == {(2, 1.0)}


@pytest.mark.parametrize("content", ["{}", "[]", '{"cells": [{}]}', "words"])
def test_a_broken_notebook_is_named(audited: Audited, references: Path, content: str) -> None:
    (references / "broken.ipynb").write_text(content)
    with pytest.raises(ValueError, match=r"broken\.ipynb: expected a notebook"):
        audited("ls", references=references)


def test_a_folder_without_references_is_an_error(audited: Audited, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: expected files that end in"):
        audited("ls", references=tmp_path / "empty")
    with pytest.raises(NotADirectoryError):
        audited("ls", references=tmp_path / "missing")


def test_without_the_library_it_says_what_to_install(
    audited: Audited, references: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "copydetect", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mle-gym\[plagiarism\]'"):
        audited("ls", references=references)
