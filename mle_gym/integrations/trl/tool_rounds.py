"""Runs the calls of all rollouts of a batch at the same time.

TRL runs them one after the other, so that one program that trains holds up all other rollouts.
Which calls a round consists of is known when its first call is made: they are in the last messages
of the batch's conversations.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ToolRounds", "Tools"]

Tools = Mapping[str, Callable[..., Any]]


@dataclass
class ToolRounds:
    """Starts all calls of a round as soon as the first one of it is made."""

    completions: Sequence[Sequence[Mapping[str, Any]]]
    """The conversations of the batch, to which the trainer appends."""
    original: Sequence[Tools]
    """For each of them, the tools by name."""
    pool: ThreadPoolExecutor
    _started: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    """The last message of each rollout whose calls were started."""
    _running: dict[int, deque[tuple[str, Any, Future[Any]]]] = field(default_factory=dict)

    def tools(self, number: int) -> dict[str, Callable[..., Any]]:
        """The tools of one rollout, which wait for what was started."""
        return {name: self._waiting(number, name) for name in self.original[number]}

    def _waiting(self, number: int, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self._start()
            running = self._running[number]
            while running:
                found, given, future = running.popleft()
                if (found, given) == (name, arguments):
                    return future.result()
            return self.original[number][name](**arguments)

        return call

    def _start(self) -> None:
        """Start the calls of all messages that are new."""
        for number, messages in enumerate(self.completions):
            last = messages[-1] if messages else {}
            if self._started.get(number) is last:
                continue
            calls = [self._readable(number, call) for call in last.get("tool_calls") or ()]
            if not any(calls):
                continue
            self._started[number] = last
            queued = [(*call, Future[Any]()) for call in calls if call is not None]
            self._running[number] = deque(queued)
            self.pool.submit(self._run, self.original[number], queued)

    def _readable(self, number: int, call: Any) -> tuple[str, Any] | None:
        """A call that the trainer is going to make; others it answers by itself."""
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or call.get("type") != "function":
            return None
        name, arguments = function.get("name"), function.get("arguments")
        if name not in self.original[number] or not isinstance(arguments, Mapping):
            return None
        return str(name), dict(arguments)

    @staticmethod
    def _run(tools: Tools, queued: Sequence[tuple[str, Any, Future[Any]]]) -> None:
        for name, arguments, future in queued:
            try:
                future.set_result(tools[name](**arguments))
            except BaseException as error:
                future.set_exception(error)
