"""What the operations of one row share, and how much they do."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.contenders import Contender, Session
from benchmarks.measure import Skip
from benchmarks.tasks_of_any_size import large_task

__all__ = ["QUICK", "TASK", "Context", "Scale"]

TASK = "titanic"


@dataclass(frozen=True)
class Scale:
    """How much is measured: everything, or just enough to check that everything works."""

    environments: int = 200
    idle: int = 4
    parallel: tuple[int, ...] = (1, 2, 8, 32)
    megabytes: tuple[int, ...] = (1, 100, 1000)
    files: tuple[int, int] = (2000, 100_000)
    """Number and size in bytes of the files in a workspace that is kept."""
    traced_steps: int = 20


QUICK = Scale(4, 1, (1, 2), (1, 10), (20, 100_000), 3)


@dataclass
class Context:
    """What the operations of one row share. Its stack ends everything that they opened."""

    scale: Scale
    stack: ExitStack
    first_of_ours: str = ""
    tasks: dict[int, str] = field(default_factory=dict)

    def session(self, contender: Contender, task: str = TASK) -> Session:
        """A session that ends with the row."""
        session = contender.open(task)
        self.stack.callback(session.close)
        return session

    def only_once(self, contender: Contender) -> None:
        """Skip all of our columns except one, for rows in which backends make no difference."""
        if contender.ours and contender.name != self.first_of_ours:
            raise Skip(f"see {self.first_of_ours}: no sandbox takes part")

    def large_task(self, megabytes: int) -> str:
        """The large task, the same one for every contender."""
        if megabytes not in self.tasks:
            self.tasks[megabytes] = self.stack.enter_context(large_task(megabytes))
        return self.tasks[megabytes]
