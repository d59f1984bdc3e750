"""What the scripts that search say when nothing can begin."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.search.test_tree import script

MODEL = ["--model", "m", "--base-url", "http://127.0.0.1:9/v1"]
BUDGET = ["--call-budget", "2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["titanic", *MODEL], "a search without a budget doesn't end"),
        (["titanic", *BUDGET], "name a model"),
        (["titanic", *MODEL, "--cost-budget", "1"], "requires prompt_price"),
        (["titanik", *MODEL, *BUDGET], "did you mean 'titanic'?"),
        (["titanic", *MODEL, *BUDGET, "--env", "max_step=3"], "did you mean 'max_steps'?"),
        (["titanic", *MODEL, *BUDGET, "--workers", "0"], "at least 1"),
    ],
)
def test_what_is_wrong_is_said_before_anything_begins(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLE_GYM_MODEL", raising=False)
    monkeypatch.setattr(sys, "argv", ["tree_search.py", *arguments])
    try:
        code = script("tree_search").main()
    except SystemExit as ended:
        code = ended.code
    printed = capsys.readouterr()
    assert code == 2
    assert message in " ".join((printed.out + printed.err).split())
    assert not list(tmp_path.iterdir())


def test_help_names_the_options_of_model_and_budget(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tree_search.py", "--help"])
    with pytest.raises(SystemExit):
        script("tree_search").main()
    printed = capsys.readouterr().out
    for option in ("--model", "--base-url", "--stream", "--call-budget", "--drafts", "--out"):
        assert option in printed
    assert "MLE_GYM_MODEL" in printed
