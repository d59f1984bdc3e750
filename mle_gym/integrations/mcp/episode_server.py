"""The server: an episode's tools, its brief and its files, by the official SDK."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError
from mcp.server.mcpserver.resources import FunctionResource
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import func_metadata
from mcp_types import CallToolResult, TextContent

import mle_gym
from mle_gym.chat.conversation import shown
from mle_gym.episode.actions.schemas import ToolSet, tool_schemas
from mle_gym.errors import MleGymError
from mle_gym.integrations.mcp.episode_session import EpisodeSession, OnProgress

__all__ = ["make_server"]

OVER = "The episode is over: nothing more counts."
FAILED = "The environment failed, and this episode doesn't count: "

_INSTRUCTIONS = (
    "You solve a machine-learning task in a sandbox, whose tools these are; don't use others to "
    "work on it. Call `brief` first: it says what to do, and the clock runs from then on. Every "
    "other call costs a step. `submit` hands your predictions in and ends the episode."
)
_BRIEF = "What the task is, which files there are, and how it is graded. It costs no step."
_STEP = "mle-gym/step"
"""Where results have a step's values for programs, beside the text for the model."""

Call = Callable[[dict[str, Any], Context[Any, Any]], Awaitable[CallToolResult]]


class _RawTool(Tool):  # type: ignore[misc, unused-ignore]
    """A tool that takes arguments as the model wrote them.

    The SDK would refuse those that don't fit the schema. To us that is an action like any other,
    which costs a step and whose observation says what was wrong.
    """

    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False
    ) -> CallToolResult:
        """Call the function with the arguments and the context."""
        result: CallToolResult = await self.fn(arguments, context)
        return result


def make_server(session: EpisodeSession, tools: ToolSet = "claude") -> MCPServer[Any]:
    """A server with one episode.

    Args:
        session: The episode. Its owner closes it when the server has ended.
        tools: Which tools the client gets, as in :func:`mle_gym.tool_schemas`.

    Raises:
        ValueError: There is no such set of tools.
    """
    offered = [each["function"] for each in tool_schemas(session.env, tools)]
    server: MCPServer[Any] = MCPServer(
        "mle-gym",
        title=f"mle-gym: {session.env.task.title}",
        instructions=_INSTRUCTIONS,
        version=mle_gym.__version__,
        tools=[_brief_tool(session), *(_tool(session, function) for function in offered)],
        log_level="WARNING",
    )
    _add_resources(server, session)

    solve = server.prompt("solve", description="Solve the task: its brief, as a message.")
    solve(session.brief)
    return server


def _tool(session: EpisodeSession, function: dict[str, Any]) -> Tool:
    name = function["name"]

    async def call(arguments: dict[str, Any], context: Context[Any, Any]) -> CallToolResult:
        async def on_progress(seconds: float, line: str) -> None:
            await context.report_progress(seconds, None, line or f"{name} is running")

        return await _played(session, {"name": name, "arguments": arguments}, on_progress)

    return _raw_tool(name, function["description"], function["parameters"], call)


def _brief_tool(session: EpisodeSession) -> Tool:
    async def call(_: dict[str, Any], context: Context[Any, Any]) -> CallToolResult:
        try:
            text = await session.brief()
        except MleGymError as error:
            return _text(FAILED + str(error), is_error=True)
        _add_files(context.mcp_server, session)
        await context.notify_resources_changed()
        return _text(text)

    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    return _raw_tool("brief", _BRIEF, schema, call)


def _raw_tool(name: str, description: str, parameters: dict[str, Any], call: Call) -> Tool:
    async def nothing() -> None:
        """Has no parameters for the SDK to check."""

    return _RawTool(
        fn=call,
        name=name,
        description=description,
        parameters=parameters,
        fn_metadata=func_metadata(nothing, structured_output=False),
        is_async=True,
    )


async def _played(
    session: EpisodeSession, action: dict[str, Any], on_progress: OnProgress
) -> CallToolResult:
    try:
        outcome = await session.act(action, on_progress)
    except MleGymError as error:  # the episode can't begin
        return _text(FAILED + str(error), is_error=True)
    if outcome is None:
        return _text(OVER, is_error=True)
    observation, reward, terminated, truncated, info = outcome
    failure = info["failure"]
    text = shown(observation) if failure is None else FAILED + failure["message"]
    step = {
        "exit_code": observation["exit_code"],
        "steps_left": observation["steps_left"],
        "seconds_left": float(observation["seconds_left"][0]),
        "reward": float(reward) if info["reward_valid"] else None,
        "terminated": terminated,
        "truncated": truncated,
        "info": dict(info),
    }
    return _text(text, is_error=failure is not None, _meta={_STEP: step})


def _text(text: str, **more: Any) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], **more)


def _add_resources(server: MCPServer[Any], session: EpisodeSession) -> None:
    server.add_resource(
        FunctionResource(
            uri="mle://brief",
            name="brief",
            description=_BRIEF,
            mime_type="text/markdown",
            fn=session.brief,
        )
    )

    async def file(path: str) -> str:
        return await _read(session, path)

    template = server.resource(
        "mle://files/{+path}",
        name="file",
        description="A text file of the workspace. Reading one costs a step, as by a tool.",
        mime_type="text/plain",
    )
    template(file)


def _add_files(server: MCPServer[Any], session: EpisodeSession) -> None:
    """List the data, which are known once the episode has begun."""
    for path in session.files[:100]:
        read = functools.partial(_read, session, path)
        server.add_resource(
            FunctionResource(
                uri=f"mle://files/{path}",
                name=path,
                description="Reading it costs a step, as by a tool.",
                mime_type="text/plain",
                fn=read,
            )
        )


async def _read(session: EpisodeSession, path: str) -> str:
    async def on_progress(seconds: float, line: str) -> None:
        """Nobody waits long for a file."""

    outcome = await session.act({"tool": "read_file", "path": path}, on_progress)
    if outcome is None:
        raise ResourceError(OVER)
    text = str(outcome.observation["output"])
    if outcome.observation["exit_code"] != 0:
        raise ResourceError(text)
    return text
