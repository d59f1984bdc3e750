"""Makes the tables of an environment's arguments and of its tools from their declarations."""

from __future__ import annotations

from textwrap import indent

from mle_gym.episode.actions.tools import TOOL_SETS, TOOLS
from mle_gym.episode.arguments import ARGUMENTS

__all__ = ["arguments_in_docstring", "arguments_table", "tools_table"]

_TASK = "id of a task, or the path of a task folder"


def arguments_table() -> str:
    """Every argument with its possible values, for the documents."""
    rows = [
        "| argument | default | may be | meaning |",
        "|---|---|---|---|",
        f"| `task` | | a string | {_TASK}; `gym.make` fills it in |",
    ]
    for name, argument in ARGUMENTS.items():
        more = f" ([more]({argument.link}))" if argument.link else ""
        rows.append(
            f"| `{name}` | {argument.shown_default} | {argument.kind.expected} | "
            f"{argument.meaning}{more} |"
        )
    return "\n".join(rows)


def arguments_in_docstring() -> str:
    """A short and aligned table of the arguments, for the environment's docstring."""
    head = ("argument", "default", "meaning")
    cells = [
        ("`task`", "", _TASK),
        *((f"`{name}`", each.shown_default, each.meaning) for name, each in ARGUMENTS.items()),
    ]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    lines = [head, tuple("-" * (width + 2) for width in widths), *cells]
    table = [
        "|"
        + "|".join(f" {cell:{width}} " if cell[:2] != "--" else cell for cell, width in row)
        + "|"
        for row in (zip(line, widths, strict=True) for line in lines)
    ]
    return indent("\n".join(table), "    ")


def tools_table() -> str:
    """Every tool with its fields and the sets that it belongs to."""
    rows = ["| tool | fields | what it does | sets |", "|---|---|---|---|"]
    for tool in TOOLS.values():
        fields = ", ".join(
            f"`{field.name}`{'' if field.required else '?'}" for field in tool.fields
        )
        sets = ", ".join(f"`{name}`" for name, names in TOOL_SETS.items() if tool.name in names)
        rows.append(f"| `{tool.name}` | {fields} | {tool.description} | {sets} |")
    return "\n".join(rows)
