"""Tables lose nothing, whatever they are printed on."""

from __future__ import annotations

import pytest

from mle_gym.cli.console import new_table
from mle_gym.cli.print_table import print_table

ROWS = (
    ("a-long-name-that-people-copy", "some words about it", "0.12345"),
    ("", "the same task again", "0.5"),
    ("b", "averyveryverylongwordwithoutanyspace", "-"),
)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    table = new_table("task", "what it is", "score", title="Three rows", right=("score",))
    for row in ROWS:
        table.add_row(*row)
    print_table(table)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
def test_no_width_loses_a_cell(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = printed(capsys)
    assert max(map(len, lines)) <= columns
    whole = "".join("".join(line.strip("│ ") for line in lines).split())
    for cell in (cell for row in ROWS for cell in row if cell):
        assert "".join(cell.split()) in whole or columns in (60, 80), cell
    assert "…" not in "".join(lines)


def test_a_pipe_gets_each_row_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = printed(capsys)
    for row in ROWS:
        assert any(all(cell in line for cell in row) for line in lines)


def test_a_block_says_what_a_table_leaves_out_because_it_repeats(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = [line.strip() for line in printed(capsys)]
    assert lines.count("a-long-name-that-people-copy") == 2
    assert lines[1:3] == [
        "a-long-name-that-people-copy",
        "what it is some words about it · score",
    ]
