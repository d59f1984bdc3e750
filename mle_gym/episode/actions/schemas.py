"""The tools in function-calling form, as the APIs of models take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from mle_gym.episode.actions.fields import Field
from mle_gym.episode.actions.tools import TOOL_SETS, TOOLS, Tool
from mle_gym.text import nearest

if TYPE_CHECKING:
    import gymnasium

__all__ = ["ToolSet", "schemas_of", "tool_schemas"]

ToolSet = Literal["claude", "openai", "bash", "mle"]


def tool_schemas(
    env: gymnasium.Env[Any, Any] | None = None,
    tools: ToolSet = "claude",
    *,
    strict: bool = False,
) -> list[dict[str, Any]]:
    """The tools in OpenAI's function-calling form, a fresh copy.

    A call that a model makes becomes an action by :func:`~mle_gym.parse_tool_call`.

    Args:
        env: Leaves out what its settings don't allow, such as ``score``. Without one, the tools
            are those of the default settings.
        tools: ``"claude"`` (``bash``, and a text editor with Claude's fields), ``"openai"``
            (``bash`` and ``apply_patch``), ``"bash"`` alone, or ``"mle"`` (a tool for each thing
            that can be done with a file).
        strict: Whether models must keep to the schemas: all fields are required then, and those
            that may be left out may be null.

    Raises:
        ValueError: There is no such set of tools.
    """
    if tools not in TOOL_SETS:
        raise ValueError(f"no set of tools is called {tools!r}{nearest(tools, TOOL_SETS)}")
    feedback = "validate" if env is None else env.get_wrapper_attr("settings").feedback
    return schemas_of(TOOL_SETS[tools], feedback, strict=strict)


def schemas_of(
    names: Iterable[str], feedback: str = "validate", *, strict: bool = False
) -> list[dict[str, Any]]:
    """The tools of these names that a feedback setting allows, in the form of :func:`tool_schemas`.

    Raises:
        KeyError: There is no such tool.
    """
    offered = [TOOLS[name] for name in names if feedback in TOOLS[name].feedback]
    return [_schema(tool, strict=strict) for tool in offered]


def _schema(tool: Tool, *, strict: bool) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": {field.name: _property(field, strict=strict) for field in tool.fields},
        "required": [field.name for field in tool.fields if field.required or strict],
        "additionalProperties": False,
    }
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function | ({"strict": True} if strict else {})}


def _property(field: Field, *, strict: bool) -> dict[str, Any]:
    schema = {**field.schema, "description": field.description}
    if strict and not field.required:
        schema["type"] = [schema["type"], "null"]
    return schema
