"""Bridges to other projects' agents. The agent ``foreign`` runs this file with their Python.

    python -c START foreign_agents.py mini-swe-agent --model openai/gpt-4o-mini
    python -c START foreign_agents.py aide --model gpt-4.1 --steps 20

It requires nothing of mle-gym, because these packages pin versions that mle-gym can't live with. A
line of JSON on standard input is an observation (the first is the brief), and one on standard
output is an action. Whatever the packages print goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

__all__ = ["ACTIONS", "BRIDGES", "START"]

_missing: dict[str, ImportError] = {}
"""Why a bridge can't be used with this Python. Each one's package has an environment of its own."""
try:
    from minisweagent.agents.default import DefaultAgent
    from minisweagent.models import get_model
except ImportError as error:
    _missing["mini-swe-agent"] = error
try:
    from aide.agent import Agent
    from aide.interpreter import ExecutionResult
    from aide.journal import Journal
    from aide.utils.config import _load_cfg, prep_cfg
except ImportError as error:
    _missing["aide"] = error

ACTIONS = "MLE_GYM_ACTIONS"
"""The variable with the descriptor that actions are written to."""
START = f"""
import os, runpy, sys
os.environ["{ACTIONS}"] = str(os.dup(1))
os.dup2(2, 1)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs this file. The packages print when they are imported, so standard output, which the protocol
keeps for itself, is put away before that."""

Observation = dict[str, Any]
INSTRUCTIONS = """

Work with bash commands. Nobody answers questions. When nothing more can be gained, run `submit`."""
AIDE_INSTRUCTIONS = """

Each of your programs runs on its own, in the folder that the description calls the workspace. The \
data are in ./data, and ./input is the same folder. ./working is the workspace itself, in which \
the submission file belongs. Don't call `submit`."""


class Channel:
    """Sends actions, and waits for what came of them."""

    def __init__(self) -> None:
        self._answers = os.fdopen(int(os.environ[ACTIONS]), "w", encoding="utf-8")

    def observation(self) -> Observation:
        """The next observation. If there is none, the episode is over, and so is this program."""
        line = sys.stdin.readline()
        if not line:
            raise SystemExit(0)
        found: Observation = json.loads(line)
        return found

    def perform(
        self, action: str | dict[str, Any], turn: dict[str, Any] | None = None
    ) -> Observation:
        """Perform an action; ``turn`` is what the model took for it."""
        self._send({"action": action, "turn": turn})
        return self.observation()

    def leave(self, reason: str) -> None:
        """Have graded what there is."""
        self._send({"leave": reason})

    def _send(self, line: dict[str, Any]) -> None:
        self._answers.write(json.dumps(line) + "\n")
        self._answers.flush()


class MiniSweEnvironment:
    """An environment as mini-swe-agent expects one, whose commands run in the episode.

    Args:
        channel: To the episode.
        env: Variables, which mini-swe-agent's configurations set for its own environments. The
            episode has those for pagers and progress bars already, so they are ignored, and so are
            all other settings.
        others: Likewise.
    """

    def __init__(self, channel: Channel, env: dict[str, str] | None = None, **others: Any) -> None:
        self.config = argparse.Namespace()
        self.agent: Any = None
        self._channel = channel
        self._calls, self._cost, self._messages = 0, 0.0, 0

    def execute(
        self, action: dict[str, Any], cwd: str = "", *, timeout: int | None = None
    ) -> dict[str, Any]:
        """Run a command."""
        call = {"tool": "bash", "command": str(action.get("command", "")), "timeout": timeout}
        seen = self._channel.perform(call, self._turn())
        return {"output": seen["shown"], "returncode": seen["exit_code"], "exception_info": ""}

    def get_template_vars(self, **others: Any) -> dict[str, Any]:
        """Nothing of this machine is told."""
        return others

    def serialize(self) -> dict[str, Any]:
        """The episode is recorded elsewhere."""
        return {}

    def _turn(self) -> dict[str, Any] | None:
        """What the model took since the last command; a price of 0 is an unknown one."""
        agent = self.agent
        if agent is None or agent.n_calls == self._calls:
            return None
        fresh = [
            each for each in agent.messages[self._messages :] if each.get("role") == "assistant"
        ]
        usages = [
            (message.get("extra", {}).get("response") or {}).get("usage") or {} for message in fresh
        ]
        cost = agent.cost - self._cost
        turn = {
            "calls": agent.n_calls - self._calls,
            "tokens": sum(usage.get("total_tokens") or 0 for usage in usages),
            "cost": cost if cost > 0 else None,
            "text": next((str(each["content"]) for each in fresh if each.get("content")), ""),
        }
        self._calls, self._cost, self._messages = agent.n_calls, agent.cost, len(agent.messages)
        return turn


def mini_swe_agent(channel: Channel, model: str, steps: int | None) -> None:
    """Let mini-swe-agent 2 work until it submits or reaches its limit of model calls."""
    brief = channel.observation()["output"]
    environment = MiniSweEnvironment(channel)
    agent = DefaultAgent(
        # The prices of a server of one's own are in no list.
        get_model(config={"model_name": model, "cost_tracking": "ignore_errors"}),
        environment,
        system_template="You are a machine-learning engineer who works with bash commands.",
        instance_template="{{task}}",
        step_limit=steps or 0,
        cost_limit=0.0,
    )
    environment.agent = agent
    result = agent.run(brief + INSTRUCTIONS)
    channel.leave(f"mini-swe-agent: {result.get('exit_status', '')}")


def aide(channel: Channel, model: str, steps: int | None) -> None:
    """Let AIDE search for so many steps, run its best program again, and hand in."""
    brief = channel.observation()["output"]
    channel.perform("ln -sfn data input; ln -sfn . working")  # where AIDE's prompts have them
    settings = _load_cfg(use_cli_args=False)
    with tempfile.TemporaryDirectory() as folder:
        settings.data_dir = settings.log_dir = settings.workspace_dir = folder
        settings.goal = brief + AIDE_INSTRUCTIONS
        settings.agent.data_preview = False  # the brief has one
        if model:
            settings.agent.code.model = settings.agent.feedback.model = model
        journal = Journal()
        agent = Agent(task_desc=settings.goal, cfg=prep_cfg(settings), journal=journal)
        agent.update_data_preview = lambda: None  # there are no data on this side

        def run(code: str, reset_session: bool = True) -> Any:
            return ExecutionResult(**run_program(channel, code))

        for _ in range(steps or settings.agent.steps):
            agent.step(exec_callback=run)
    best = journal.get_best_node(only_good=True)
    if best is not None:
        run_program(channel, best.code)
    channel.leave("AIDE is done" if best is not None else "AIDE found no program that works")


def run_program(channel: Channel, code: str) -> dict[str, Any]:
    """Run a program in the episode; what came of it, by the names of AIDE's results."""
    channel.perform({"tool": "write_file", "path": "runfile.py", "content": code})
    began = time.monotonic()
    seen = channel.perform({"tool": "bash", "command": "python runfile.py", "timeout": 3600})
    failed = re.findall(r"^(\w+(?:Error|Exception|Interrupt|Exit))\b", seen["output"], re.MULTILINE)
    kind = None
    if seen["exit_code"] == 124:
        kind = "TimeoutError"
    elif seen["exit_code"]:
        kind = failed[-1] if failed else "RuntimeError"
    return {
        "term_out": [seen["shown"]],
        "exec_time": time.monotonic() - began,
        "exc_type": kind,
        "exc_info": {} if kind else None,
        "exc_stack": [] if kind else None,
    }


BRIDGES: dict[str, Callable[[Channel, str, int | None], None]] = {
    "mini-swe-agent": mini_swe_agent,
    "aide": aide,
}
"""By the name of the project."""


def main() -> None:
    """Play an episode over standard input and output."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bridge", choices=BRIDGES)
    parser.add_argument("--model", default="", help="in the package's own spelling")
    parser.add_argument("--steps", type=int, help="the most, in the package's own unit")
    options = parser.parse_args()
    if options.bridge in _missing:
        raise SystemExit(f"{sys.executable} can't play it: {_missing[options.bridge]}")
    BRIDGES[options.bridge](Channel(), options.model, options.steps)


if __name__ == "__main__":
    main()
