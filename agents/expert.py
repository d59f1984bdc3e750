"""Plays a task's own ``solution.py`` as an engineer would: in steps from which one can learn.

mle-gym run titanic --agent expert

Where the agent ``solution`` hands in with one command, this one looks at the data, writes the
program, runs it, validates its file and submits. Its trajectories are training data for language
models (``mle-gym export-trajectories --experts SUITE``). The program isn't derived from what the
steps show: it is the task's reference solution, which somebody wrote who had looked at the data.
"""

from __future__ import annotations

import shlex
from typing import Any

from mle_gym.agents import LeaveEpisode, ProgramAgent

LOOK = """\
ls -lhR data | head -n 40
find data -type f ! -name description.md -exec grep -Iq . {} \\; -print | sort | head -n 8 |
  xargs head -v -n 4 | cut -c 1-300"""
"""Lists the files, and shows the beginning of those that are text (the brief is known)."""
EDITOR = "str_replace_based_edit_tool"


class ExpertAgent(ProgramAgent):
    """Looks, writes the task's ``solution.py``, runs it, validates and submits."""

    name = "expert"

    def __init__(self) -> None:
        super().__init__("solution.py")

    def reset(self, observation: Any, info: dict[str, Any]) -> None:
        """Plan the steps for this episode's task.

        Raises:
            AgentError: The task is not in the catalog, or has no solution.
        """
        super().reset(observation, info)
        write, run = self._actions
        run |= {
            "command": f"python {shlex.quote(write['path'])}",
            "timeout": int(observation["seconds_left"].item()),
        }
        write = {
            "tool": EDITOR, "command": "create", "path": write["path"],
            "file_text": write["content"],
        }  # fmt: skip
        self._actions = [{"tool": "bash", "command": LOOK}, write, run, {"tool": "validate"}]
        self._actions.append({"tool": "submit"})

    def act(self, observation: Any, info: dict[str, Any]) -> Any:
        """The next step; an expert whose program fails hands nothing in."""
        if observation["exit_code"] != 0 and len(self._actions) in (2, 3):
            output = str(observation["output"]).strip()
            raise LeaveEpisode(f"the program failed: {output[-500:]}", submit=False)
        return super().act(observation, info)
