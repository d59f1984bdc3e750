"""The actions: what an environment performs, however a model asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

__all__ = [
    "Action",
    "ApplyPatch",
    "Cell",
    "EditFile",
    "InsertText",
    "ListFiles",
    "RawAction",
    "ReadFile",
    "Score",
    "Shell",
    "Submit",
    "Think",
    "Validate",
    "View",
    "WriteFile",
]

RawAction = str | dict[str, Any]
"""What ``MLEEnv.step`` accepts: a shell script, or a tool call with its name under ``"tool"``."""


@dataclass(frozen=True)
class Shell:
    """Run a bash script."""

    tool: ClassVar[str] = "bash"
    command: str
    timeout: float | None = None
    """In seconds; None for the default."""
    restart: bool = False
    """Whether everything of earlier commands is ended and forgotten first."""


@dataclass(frozen=True)
class Cell:
    """Run a cell of Python in the episode's live interpreter."""

    tool: ClassVar[str] = "python"
    code: str
    timeout: float | None = None
    """In seconds; None for the default."""
    restart: bool = False
    """Whether the interpreter is ended first, and with it its variables."""


@dataclass(frozen=True)
class WriteFile:
    """Write a text file, replacing what is there and creating missing folders."""

    tool: ClassVar[str] = "write_file"
    path: str
    content: str


@dataclass(frozen=True)
class EditFile:
    """Replace a text that occurs exactly once in a file."""

    tool: ClassVar[str] = "edit_file"
    path: str
    old: str
    new: str


@dataclass(frozen=True)
class InsertText:
    """Insert whole lines after a line of a file, or at the beginning if that is 0."""

    tool: ClassVar[str] = "insert_text"
    path: str
    line: int
    text: str


@dataclass(frozen=True)
class ApplyPatch:
    """Change files as a patch says, in the form of the program ``apply_patch``."""

    tool: ClassVar[str] = "apply_patch"
    patch: str


@dataclass(frozen=True)
class ReadFile:
    """Show a text file, or some of its lines."""

    tool: ClassVar[str] = "read_file"
    path: str
    start: int = 1
    lines: int | None = None
    """None for all."""


@dataclass(frozen=True)
class View:
    """Show some lines of a text file with their numbers, or list a folder."""

    tool: ClassVar[str] = "view"
    path: str
    start: int = 1
    lines: int | None = None
    """None for all."""


@dataclass(frozen=True)
class ListFiles:
    """List a folder."""

    tool: ClassVar[str] = "list_files"
    path: str = "."


@dataclass(frozen=True)
class Think:
    """Do nothing: a thought that the model wanted to write down."""

    tool: ClassVar[str] = "think"


@dataclass(frozen=True)
class Validate:
    """Check the format of a submission without scoring it."""

    tool: ClassVar[Literal["validate"]] = "validate"
    path: str | None = None
    """None for the task's submission file."""


@dataclass(frozen=True)
class Score:
    """Score a submission on the public part of the hidden answers."""

    tool: ClassVar[Literal["score"]] = "score"
    path: str | None = None
    """None for the task's submission file."""


@dataclass(frozen=True)
class Submit:
    """Hand in the submission, which ends the episode."""

    tool: ClassVar[Literal["submit"]] = "submit"
    path: str | None = None
    """None for the task's submission file."""


Action = (
    Shell | Cell | WriteFile | EditFile | InsertText | ApplyPatch | ReadFile | View | ListFiles
    | Think | Validate | Score | Submit
)  # fmt: skip
"""An action that was read."""
