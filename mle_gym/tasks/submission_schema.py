"""The shape of a submission: its columns, their types, and what the sample submission holds."""

from __future__ import annotations

import math
import re
import sys
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator

from mle_gym.sandbox.sandbox_config import MOST_HANDED_IN
from mle_gym.tasks.field_problems import FieldProblem

__all__ = ["Column", "FileSpec", "Names", "PlainValue", "RepliesSpec", "SubmissionSpec", "Table"]

ColumnType = Literal["int", "float", "str", "probability"]
Value = int | float | str

LARGEST = sys.float_info.max
"""Numbers beyond are infinite, or integers that no float can hold."""


def _value(value: object) -> Value:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"an integer, a number or a string, found {type(value).__name__}")
    return value


def _value_or_none(value: object) -> Value | None:
    return None if value is None else _value(value)


PlainValue = Annotated[Value, PlainValidator(_value)]
Names = Annotated[tuple[str, ...], Field(strict=False)]


class Table(BaseModel):
    """A table of ``task.toml``: frozen, no unknown fields, nothing coerced, no inf or NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Column(Table):
    """One column of a submission: ``"int"``, ``{ values = [0, 1] }``, ``{ min = 0, max = 10 }``."""

    type: ColumnType
    values: Annotated[tuple[PlainValue, ...], Field(strict=False)] | None = None
    """The only values allowed; None for any."""
    min: float | None = None
    max: float | None = None
    sample: Annotated[Value | None, PlainValidator(_value_or_none)] = None
    """What the sample submission holds; None for the default of the type."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if isinstance(data, str):
            if data not in get_args(ColumnType):
                allowed = ", ".join(map(repr, get_args(ColumnType)))
                raise ValueError(f"one of {allowed}, or a table such as {{ values = [0, 1] }}")
            return {"type": data}
        if isinstance(data, dict) and "type" not in data:
            return {**data, "type": _type_of(data.get("values"))}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.values is not None and not self.values:
            raise FieldProblem("values", "at least one value", [])
        if self.type in ("str", "probability") and (self.min, self.max) != (None, None):
            raise FieldProblem("min", f"no bounds on a column of type {self.type!r}", self.min)
        if self.min is not None and self.max is not None and self.min > self.max:
            raise FieldProblem("min", f"at most max ({self.max})", self.min)
        for value in self.values or ():
            if not self._fits(value):
                raise FieldProblem("values", f"values of type {self.type!r}", value)
        self._check_sample()
        return self

    def _fits(self, value: Value) -> bool:
        """Whether a submission could hold the value, whatever else is declared."""
        if isinstance(value, str) or self.type == "str":
            return isinstance(value, str) and self.type == "str"
        if self.type == "int":
            return isinstance(value, int) and -(2**63) <= value < 2**63
        return 0 <= value <= 1 if self.type == "probability" else abs(value) <= LARGEST

    def _check_sample(self) -> None:
        if self.sample is None:
            return
        if not self._fits(self.sample):
            raise FieldProblem("sample", f"a value of type {self.type!r}", self.sample)
        if self.values is not None and self.sample not in self.values:
            raise FieldProblem("sample", f"one of values {list(self.values)}", self.sample)
        if isinstance(self.sample, str):
            return
        if (self.min is not None and self.sample < self.min) or (
            self.max is not None and self.sample > self.max
        ):
            raise FieldProblem("sample", "a value within min and max", self.sample)


def _type_of(values: object) -> str:
    if not isinstance(values, (list, tuple)) or not values:
        return "float"
    if all(isinstance(value, str) for value in values):
        return "str"
    return "int" if all(isinstance(value, int) for value in values) else "float"


class RepliesSpec(Table):
    """What a streamed program may ask: the lines of its answers are looked up in a table."""

    file: str = Field(pattern=r"^[\w][\w.-]*$")
    """A table among the inputs, with columns ``ask`` and ``reply``; no program's sandbox has it."""
    rounds: int = Field(ge=1, le=1000)
    """How many answers are looked up; one more, which ends the run, is not."""
    lines: int = Field(ge=1, le=10_000)
    """Of an answer that is looked up."""


class CodeSpec(Table):
    """How a submitted program is run: in a fresh sandbox, with the hidden inputs in ``data/``."""

    entry: str = Field(default="predict.py", pattern=r"^[\w][\w.-]*\.py$")
    """The file that Python runs, where a folder is handed in; a single file is run by any name."""
    output: str = Field(default="submission.csv", pattern=r"^[\w][\w.-]*$")
    """The file of predictions that it leaves."""
    seconds: float = Field(default=300, gt=0)
    """Wall clock of a run."""
    max_bytes: int = Field(default=10 * 2**20, gt=0, le=MOST_HANDED_IN)
    """Of all files that are handed in."""
    memory_mb: int | None = Field(default=None, gt=0)
    """What the program may use, where that is less than the agent's own sandbox."""
    stream: bool = False
    """Feed it the hidden ``stream/`` chunk by chunk over standard input: each is followed by an
    empty line, and so is the answer to each, which it prints; ``output`` collects the answers."""
    replies: RepliesSpec | None = None
    """A table that further chunks come from: what it has for each line of the last answer. Only
    with ``stream``."""
    runs: int = Field(default=1, ge=1, le=15)
    """How often it is run on each set of inputs, always in a fresh sandbox; only where a
    ``grade_files`` grades what the runs left and took."""
    reference: str = ""
    """A program among the private files that is run in alternation with it, so that a
    ``grade_files`` can compare what both took."""


class FileSpec(Table):
    """One file of a submission of several: a table where it declares columns."""

    max_bytes: int = Field(default=10 * 2**20, gt=0)
    optional: bool = False
    id: str = "id"
    """The column that names the row; only with ``columns``."""
    columns: dict[str, Column] = Field(default={})
    """Every column, the id included; its ids are those of the sample submission's file."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.columns and (self.id not in self.columns or len(self.columns) < 2):
            raise FieldProblem("columns", f"the id column {self.id!r} and others", [*self.columns])
        return self


class SubmissionSpec(Table):
    """What a submission must look like."""

    kind: Literal["csv", "code", "file", "files"] = "csv"
    """What is handed in: predictions, or the program that makes them for data it has not seen.
    ``"file"`` is for what only the task's own ``grade.py`` can read; it declares no columns.
    ``"files"`` is a folder of several, and code without columns is graded by what its runs left."""
    files: dict[str, FileSpec] = Field(default={})
    """The files of the folder, by their names in it; only with the kind ``files``."""
    code: CodeSpec | None = None
    """How the program is run; only with the kind ``code``."""
    id: str
    """The column that names the row. In ``task.toml`` it defaults to ``data.id``."""
    columns: dict[str, Column] = Field(default={}, description="a table from column to type")
    """Every column, the id included, in the order of the file."""
    sum_to_one: Names = ()
    """Probability columns that sum to one in every row, usually one a class."""
    max_bytes: int = Field(default=50 * 2**20, gt=0, le=MOST_HANDED_IN)
    """More than that can't leave a sandbox."""
    filename: str = Field(default="submission.csv", pattern=r"^[\w][\w.-]*$")

    @model_validator(mode="after")
    def _code_where_it_belongs(self) -> Self:
        if self.kind == "code" and self.code is None:
            raise FieldProblem("code", "a table [submission.code], since the kind is 'code'", None)
        if self.kind != "code" and self.code is not None:
            raise FieldProblem("kind", "'code', since there is a table code", self.kind)
        if self.code is not None and self.filename == "submission.csv":
            wanted = "the program or folder that is handed in, such as 'predict.py'"
            raise FieldProblem("filename", wanted, self.filename)
        if self.code is not None and self.code.replies is not None and not self.code.stream:
            raise FieldProblem("code.stream", "true, since there are replies", False)
        return self

    @model_validator(mode="after")
    def _files_where_they_belong(self) -> Self:
        if (self.kind == "files") != bool(self.files):
            wanted = "files by name" if self.kind == "files" else "none, unless the kind is 'files'"
            raise FieldProblem("files", wanted, [*self.files])
        for name in self.files:
            if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", name):
                raise FieldProblem("files", "names below the folder, such as 'card.md'", name)
        if self.files and self.filename == "submission.csv":
            raise FieldProblem("filename", "the folder, such as 'submission'", self.filename)
        if self.code is not None and self.columns and (self.code.runs > 1 or self.code.reference):
            raise FieldProblem("columns", "none, since runs are measured", [*self.columns])
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind in ("file", "files"):
            if self.columns or self.sum_to_one:
                wanted = f"none for a submission of kind {self.kind!r}"
                raise FieldProblem("columns", wanted, [*self.columns])
            return self
        if self.kind == "code" and not self.columns:
            return self
        if len(self.columns) < 2:
            raise FieldProblem("columns", "a table from column to type", dict(self.columns))
        if self.id not in self.columns:
            raise FieldProblem("columns", f"the id column {self.id!r}", list(self.columns))
        if self.columns[self.id].type not in ("int", "str"):
            raise FieldProblem(
                "columns", "an id of type 'int' or 'str'", self.columns[self.id].type
            )
        for name in self.sum_to_one:
            if name not in self.columns or self.columns[name].type != "probability":
                raise FieldProblem("sum_to_one", "columns of type 'probability'", name)
        return self

    @property
    def is_packed(self) -> bool:
        """Whether what is graded is several files: those of a folder, or what runs left."""
        return self.kind == "files" or (self.kind == "code" and not self.columns)

    @property
    def predicted(self) -> tuple[str, ...]:
        """The columns that hold predictions: all but the id, in the order of the file."""
        return tuple(name for name in self.columns if name != self.id)

    def sample_value(self, name: str) -> Value:
        """What the sample submission holds in column ``name``, in every row."""
        column = self.columns[name]
        if column.sample is not None:
            return column.sample
        if column.values:
            return column.values[0]
        if column.type == "probability":
            return 1 / len(self.sum_to_one) if name in self.sum_to_one else 0.5
        if column.type == "str":
            return ""
        lowest = max(column.min, 0.0) if column.min is not None else 0.0
        value = min(lowest, column.max) if column.max is not None else lowest
        return math.ceil(value) if column.type == "int" else value
