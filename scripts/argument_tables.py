"""Makes the tables of an environment's arguments and of its tools from their declarations."""

from __future__ import annotations

from textwrap import indent

from mle_gym.episode.arguments import ARGUMENTS
from mle_gym.episode.parse_action import tool_schemas

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
    """Every tool with its fields, as models see them."""
    rows = ["| tool | fields | what it does |", "|---|---|---|"]
    for schema in tool_schemas():
        tool = schema["function"]
        parameters = tool["parameters"]
        fields = ", ".join(
            f"`{name}`" if name in parameters["required"] else f"`{name}`?"
            for name in parameters["properties"]
        )
        rows.append(f"| `{tool['name']}` | {fields} | {tool['description']} |")
    return "\n".join(rows)
