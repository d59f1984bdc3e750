r"""Plays an agent that is a program of its own, in any language and any virtual environment.

mle-gym run titanic --agent foreign --agent-arg command="node my_agent.js"
mle-gym run titanic --agent foreign --agent-arg bridge=mini-swe-agent \
    --agent-arg python=mini/bin/python --agent-arg model=openai/gpt-4o-mini

The program reads a line of JSON from its standard input for each observation, and writes one to its
standard output for each action: {"action": "ls data"}, or {"leave": "why"} to have graded what
there is. Whatever it writes to standard error is shown if it fails.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shlex
import signal
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Callable
from typing import IO, Any

from mle_gym.agents import LeaveEpisode
from mle_gym.chat.conversation import shown
from mle_gym.errors import AgentError
from mle_gym.integrations import foreign_agents

MOST_STDERR = 2000
"""Of the last characters, for the message of an error."""


class ForeignAgent:
    """Starts the program for each episode, and ends it when the episode is over.

    Args:
        command: The program with its arguments, as in a shell.
        bridge: Instead of a command: ``"mini-swe-agent"`` or ``"aide"``, whose bridge is then run.
        python: The interpreter that has the bridge's package.
        model: For the bridge, in the package's own spelling.
        steps: For the bridge: the most that it does, in the package's own unit.

    Raises:
        AgentError: There is neither a command nor a known bridge.
    """

    name = "foreign"

    def __init__(
        self,
        command: str = "",
        *,
        bridge: str = "",
        python: str = "python3",
        model: str = "",
        steps: int | None = None,
    ) -> None:
        if bool(command) == bool(bridge):
            known = ", ".join(foreign_agents.BRIDGES)
            raise AgentError(f"name a command, or a bridge: {known}")
        if bridge and bridge not in foreign_agents.BRIDGES:
            raise AgentError(f"no bridge is called {bridge!r}: {', '.join(foreign_agents.BRIDGES)}")
        self._command = shlex.split(command)
        if bridge:
            self._command = [python, "-c", foreign_agents.START, foreign_agents.__file__, bridge]
            self._command += [f"--model={model}"] * bool(model)
            self._command += [f"--steps={steps}"] * (steps is not None)
        self.turn: dict[str, Any] | None = None
        self._end: Callable[[], object] = lambda: None

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Start the program.

        Raises:
            AgentError: There is no such program.
        """
        self._end()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # closed by _stop
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            self._stderr.close()
            raise AgentError(f"{self._command[0]}: {error.strerror}") from error
        self._process = process
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert process.stdout is not None
        reading = (process.stdout, self._lines)
        threading.Thread(target=_read, args=reading, daemon=True).start()
        self._end = weakref.finalize(self, _stop, process, self._stderr)

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """Tell the program the observation, and wait for its action.

        Raises:
            LeaveEpisode: It is done, or doesn't answer before the episode's time is up.
            AgentError: It ended with an error, or wrote something else.
        """
        self.turn = None
        seconds = float(observation["seconds_left"].item())
        facts = {
            "output": str(observation["output"]),
            "shown": shown(observation),
            "exit_code": int(observation["exit_code"]),
            "steps_left": int(observation["steps_left"]),
            "seconds_left": seconds,
            "task": info.get("task"),
            "variant": info.get("variant"),
        }
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # then the answer is the end of its output
            self._process.stdin.write(json.dumps(facts) + "\n")
            self._process.stdin.flush()
        try:
            line: str | None = self._lines.get(timeout=seconds)
        except queue.Empty:
            line = None
        try:
            return self._action(line)
        except (AgentError, LeaveEpisode):
            self._end()
            raise

    def _action(self, line: str | None) -> Any:
        if line is None:
            raise LeaveEpisode("the program did not answer in time")
        if not line:
            self._process.wait()
            if self._process.returncode:
                raise AgentError(f"{self._command[0]} failed: {self._stderr_tail()}")
            raise LeaveEpisode("the program ended")
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if isinstance(answer, dict) and "leave" in answer:
            raise LeaveEpisode(str(answer["leave"]))
        if not (isinstance(answer, dict) and isinstance(answer.get("action"), str | dict)):
            raise AgentError(f'expected a line such as {{"action": "ls"}}, found {line[:200]!r}')
        turn = answer.get("turn")
        self.turn = turn if isinstance(turn, dict) else None
        return answer["action"]

    def _stderr_tail(self) -> str:
        """The end of what the program wrote to standard error."""
        self._stderr.seek(0)
        return self._stderr.read().decode("utf-8", "replace")[-MOST_STDERR:].strip()


def _read(stream: IO[str], lines: queue.SimpleQueue[str]) -> None:
    """Pass on lines; an empty one is the end."""
    with contextlib.suppress(ValueError, OSError), stream:
        for line in stream:
            lines.put(line)
    lines.put("")


def _stop(process: subprocess.Popen[str], stderr: IO[bytes]) -> None:
    """End a program and everything that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    stderr.close()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
