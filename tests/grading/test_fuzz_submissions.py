"""Every task and every metric against submissions that hypothesis makes up."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets.submission import check_submission
from tests.grading.strategies import HOSTILE, dressed, examples, rows, submissions
from tests.grading.toys import BUILTIN, TOYS, Toy
from tests.metrics import oracle
from tests.tiers import few_quick

QUICK = [*BUILTIN[::4], *TOYS[::4]]
EACH = pytest.mark.parametrize(
    "toy",
    few_quick([*BUILTIN, *TOYS], QUICK.__contains__, "hypothesis makes up submissions for each"),
    ids=lambda toy: f"{toy.task.id}-{toy.metric}",
)


@EACH
@given(data=st.data())
@examples(25)
def test_valid_is_what_the_documents_say_and_order_never_matters(
    toy: Toy, data: st.DataObject
) -> None:
    check_submission(toy, data.draw(submissions(toy)))


@EACH
@given(data=st.data())
@examples(15)
def test_a_wrong_cell_is_named_by_its_column_its_row_and_what_it_holds(
    toy: Toy, data: st.DataObject
) -> None:
    spec = toy.task.submission
    table = data.draw(rows(toy))
    at, place = (
        data.draw(st.integers(1, len(toy.ids))),
        data.draw(st.integers(1, len(table[0]) - 1)),
    )
    name, cell = table[0][place], data.draw(st.sampled_from(HOSTILE))
    table[at][place] = cell
    grade = toy.grader.grade(data.draw(dressed(table)))
    if oracle.value(cell, spec.columns[name]) is None:
        assert f"column {name!r}: found " in grade.error_message
        assert f"({spec.id} {toy.ids[at - 1]!r})" in grade.error_message
        shown = {repr(cell[:40]), str(oracle.whole(cell)), str(oracle.decimal(cell))}
        assert any(f"found {each}" in grade.error_message for each in shown)
    elif not grade.valid and grade.error_code not in ("score_not_finite", "sum_not_one"):
        assert re.match(r"column '\w+': found ", grade.error_message)
