"""What a model is asked for, and what is read from its reply and from its program's output."""

from __future__ import annotations

import math
import re
from typing import Any

from mle_gym.chat.conversation import shortened
from mle_gym.search.tree import Node, Operation, Tree

__all__ = ["plan_and_program", "prompt", "validation_score"]

SYSTEM = """\
You are a machine-learning engineer. You write complete Python programs that solve a task, and are \
judged by the score of the best one. Nobody answers questions."""
FORM = """\
Reply with a plan of a few sentences, and then with one program in a block:

```python
print("validation: 0.5")
```

The program is saved as solution.py in the workspace and run once with `python solution.py`. It \
must write the submission file, measure its own predictions by the task's metric on training rows \
that it didn't learn from, and print that score as a line `validation: NUMBER`. It must not \
submit. Files that it writes stay for the programs that continue from it."""
TASKS: dict[Operation, str] = {
    "draft": "Write a first program for this task. Keep it simple, and unlike earlier attempts.",
    "debug": "The program below failed. Mend it. Its files are still in the workspace.",
    "improve": "The program below works. Change one thing that should raise its score, so that "
    "its effect can be measured. Its files are still in the workspace.",
}
MOST_ATTEMPTS = 20
"""Of which a model is told; the latest ones."""
_BLOCK = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
_SCORE = re.compile(r"^\s*validation\s*[:=]\s*(\S+)\s*$", re.MULTILINE | re.IGNORECASE)


def prompt(
    brief: str, memory: Tree | None, operation: Operation, parent: Node | None
) -> list[dict[str, Any]]:
    """The messages that ask for one attempt.

    Args:
        brief: The task's.
        memory: The attempts that the model is told of; None if it is told of none.
        operation: What it is asked to do.
        parent: The attempt that is to be mended or improved; None for a draft.
    """
    earlier = "" if memory is None else earlier_attempts(memory)
    parts = [brief, earlier, f"## What to do now\n\n{TASKS[operation]}"]
    if parent is not None:
        parts.append(f"### The program\n\n```python\n{parent.program.rstrip()}\n```")
        printed = parent.output if parent.works else f"{parent.problem}\n{parent.output}"
        parts.append(f"### What came of it\n\n```text\n{printed.rstrip()}\n```")
    parts.append(FORM)
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "\n\n".join(filter(None, parts))},
    ]


def earlier_attempts(tree: Tree) -> str:
    """The plans so far and their scores, so that a model neither repeats nor forgets them."""
    nodes = list(tree)[-MOST_ATTEMPTS:]
    if not nodes:
        return ""
    direction = "higher" if tree.higher_is_better else "lower"
    lines = [f"## Earlier attempts\n\nValidation scores; {direction} is better."]
    for node in nodes:
        score = f"{node.validation:g}" if node.works else f"failed ({node.problem})"
        lines.append(f"- {score}: {shortened(' '.join(node.plan.split()), 300)}")
    return "\n".join(lines)


def plan_and_program(reply: str) -> tuple[str, str]:
    """A reply's longest block of code, and the text before it. Without a block it is empty."""
    blocks = list(_BLOCK.finditer(reply))
    if not blocks:
        return reply.strip(), ""
    longest = max(blocks, key=lambda block: len(block[1]))
    return reply[: longest.start()].strip(), longest[1]


def validation_score(output: str) -> float | None:
    """The last score that a program printed; None if it printed none."""
    for found in reversed(_SCORE.findall(output)):
        try:
            score = float(found)
        except ValueError:
            continue
        return score if math.isfinite(score) else None
    return None
