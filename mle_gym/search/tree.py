"""The tree of a search: every attempt, what came of it, and which one is the best."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mle_gym.chat.model_budget import Spent
from mle_gym.regular_files import write_atomically

__all__ = ["ROOT", "Node", "Operation", "Tree", "write_whole"]

Operation = Literal["draft", "debug", "improve"]
"""What an attempt does: write a first program, mend one that failed, or better one that works."""
ROOT = 0
"""The number of the state that drafts begin from: the start of an episode."""


@dataclass(frozen=True)
class Node:
    """One attempt: a program that a model wrote, run where its parent had left off."""

    number: int
    """From 1, in the order in which attempts began."""
    parent: int
    """The number of the attempt that it continues, or :data:`ROOT`."""
    operation: Operation
    plan: str
    """What the model said it would do."""
    program: str
    output: str
    """What the program printed, shortened."""
    validation: float | None
    """The score that the program measured on rows it held out; None if it measured none."""
    problem: str = ""
    """Why the attempt is no solution; empty if it is one."""
    can_continue: bool = True
    """Whether there is a snapshot of it, with steps and time for another attempt."""
    spent: Spent = field(default_factory=Spent)

    @property
    def works(self) -> bool:
        """Whether it measured itself and left a valid submission."""
        return not self.problem

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Node:
        """The node with these fields."""
        return cls(**{**values, "spent": Spent(**values["spent"])})


class Tree:
    """All attempts of a search.

    Args:
        higher_is_better: The direction of the task's metric, and so of validation scores.
        nodes: Attempts of an earlier run.
    """

    def __init__(self, *, higher_is_better: bool, nodes: tuple[Node, ...] = ()) -> None:
        self.higher_is_better = higher_is_better
        self._nodes = {node.number: node for node in nodes}

    def __iter__(self) -> Iterator[Node]:
        return iter(sorted(self._nodes.values(), key=lambda node: node.number))

    def __len__(self) -> int:
        return len(self._nodes)

    def __getitem__(self, number: int) -> Node:
        return self._nodes[number]

    def add(self, node: Node) -> None:
        """Keep an attempt."""
        self._nodes[node.number] = node

    def children(self, number: int) -> list[Node]:
        """The attempts that continue an attempt, or the root."""
        return [node for node in self if node.parent == number]

    def path(self, node: Node) -> list[Node]:
        """The attempts from a draft to this one."""
        before = [] if node.parent == ROOT else self.path(self[node.parent])
        return [*before, node]

    def debug_depth(self, node: Node) -> int:
        """How many attempts in a row failed, up to this one."""
        if node.works:
            return 0
        return 1 + (0 if node.parent == ROOT else self.debug_depth(self[node.parent]))

    def best(self, *, to_continue: bool = False) -> Node | None:
        """The attempt with the best validation score; of equal ones the first."""
        found = [node for node in self if node.works and (node.can_continue or not to_continue)]
        sign = 1 if self.higher_is_better else -1
        return max(found, key=lambda node: sign * (node.validation or 0.0), default=None)

    def spent(self) -> Spent:
        """What all attempts took together."""
        return sum((node.spent for node in self), start=Spent())


def write_whole(path: Path, content: dict[str, Any]) -> None:
    """Write JSON such that a reader, or a run after a crash, never finds half of it."""
    write_atomically(path, json.dumps(content, indent=2) + "\n")
