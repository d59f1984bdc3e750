"""Small packages with the interfaces of mini-swe-agent 2.4.6 and aideml 0.2.2.

    python -m tests.agents.foreign_stubs COMMAND...

runs a command whose Python finds them.

The real ones take 750 MB and 7.5 GB and pin other versions of what mle-gym requires, so they are
not installed for tests. The stubs accept only what the real ones accept, as far as the bridges use
it, and print to standard output, as the real ones do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

MINI_DEFAULT = """
class DefaultAgent:
    def __init__(self, model, env, *, system_template, instance_template, step_limit=0,
                 cost_limit=3.0):
        self.model, self.env, self.step_limit = model, env, step_limit
        self.instance_template = instance_template
        self.messages, self.n_calls, self.cost = [], 0, 0.0

    def run(self, task=""):
        print("working on", task[:20])
        asked = self.instance_template.replace("{{task}}", task)
        self.messages = [{"role": "system", "content": ""}, {"role": "user", "content": asked}]
        self.env.get_template_vars(); self.env.serialize()
        for command in self.model.commands:
            if self.step_limit and self.n_calls >= self.step_limit:
                return {"exit_status": "LimitsExceeded", "submission": ""}
            self.n_calls += 1
            extra = {"response": {"usage": {"total_tokens": 110}}}
            self.messages.append({"role": "assistant", "content": "I work.", "extra": extra})
            seen = self.env.execute({"command": command, "tool_call_id": "1"})
            assert seen.keys() >= {"output", "returncode", "exception_info"}
            self.messages.append({"role": "tool", "content": seen["output"]})
        return {"exit_status": "RepeatedFormatError", "submission": ""}
"""
MINI_MODELS = """
class Model:
    commands = ("cp data/sample_submission.csv submission.csv", "false", "submit")

def get_model(input_model_name=None, config=None):
    assert config.keys() == {"model_name", "cost_tracking"}, config
    assert config["model_name"].startswith("openai/"), config
    assert config["cost_tracking"] == "ignore_errors"  # else a server of one's own is an error
    return Model()
"""
AIDE_AGENT = """
PROGRAMS = ["1 / 0", "import shutil\\nshutil.copy('./input/sample_submission.csv', "
            "'./working/submission.csv')\\nprint(0.6)"]

class Agent:
    def __init__(self, task_desc, cfg, journal):
        self.task_desc, self.cfg, self.journal, self.data_preview = task_desc, cfg, journal, None

    def update_data_preview(self):
        raise FileNotFoundError("there are no data here")

    def step(self, exec_callback):
        if not self.journal.nodes or self.data_preview is None:
            self.update_data_preview()
        print("a step")
        code = PROGRAMS[len(self.journal.nodes) % 2]
        self.journal.append(code, exec_callback(code, True))
"""
AIDE_JOURNAL = """
from types import SimpleNamespace

class Journal:
    def __init__(self):
        self.nodes = []

    def append(self, code, result):
        assert isinstance(result.term_out, list) and result.exec_time >= 0
        self.nodes.append(SimpleNamespace(code=code, exc_type=result.exc_type))
        print([node.exc_type for node in self.nodes])

    def get_best_node(self, only_good=True):
        good = [node for node in self.nodes if node.exc_type is None]
        return good[0] if good else None
"""
AIDE_INTERPRETER = """
from dataclasses import dataclass

@dataclass
class ExecutionResult:
    term_out: list
    exec_time: float
    exc_type: str | None
    exc_info: dict | None = None
    exc_stack: list | None = None
"""
AIDE_CONFIG = """
from pathlib import Path
from types import SimpleNamespace

def _load_cfg(path=None, use_cli_args=True):
    stage = lambda: SimpleNamespace(model="o4-mini", temp=0.5)
    agent = SimpleNamespace(steps=20, data_preview=True, code=stage(), feedback=stage())
    return SimpleNamespace(data_dir=None, goal=None, log_dir="logs", workspace_dir="w", agent=agent)

def prep_cfg(cfg):
    assert cfg.goal and cfg.agent.code.model == cfg.agent.feedback.model != "o4-mini"
    for folder in (cfg.data_dir, cfg.log_dir, cfg.workspace_dir):
        assert Path(folder).is_dir()
    return cfg
"""
FILES = {
    "minisweagent/__init__.py": "print('This is mini-swe-agent')",
    "minisweagent/agents/__init__.py": "",
    "minisweagent/agents/default.py": MINI_DEFAULT,
    "minisweagent/models/__init__.py": MINI_MODELS,
    "aide/__init__.py": "",
    "aide/agent.py": AIDE_AGENT,
    "aide/journal.py": AIDE_JOURNAL,
    "aide/interpreter.py": AIDE_INTERPRETER,
    "aide/utils/__init__.py": "",
    "aide/utils/config.py": AIDE_CONFIG,
}


def write_stubs(folder: Path) -> Path:
    """Write the packages into a folder for ``PYTHONPATH``."""
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as packages:
        variables = {"PYTHONPATH": str(write_stubs(Path(packages)))}
        sys.exit(subprocess.call(sys.argv[1:], env=os.environ | variables))
