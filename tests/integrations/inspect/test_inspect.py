"""Tasks, sandbox and scores in Inspect itself, with its mock model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integrations.documented import run_section

inspect_ai = pytest.importorskip("inspect_ai", reason="scripts/test-integrations inspect")

from inspect_ai.log import EvalLog  # noqa: E402
from inspect_ai.model import ChatMessageTool, ModelOutput, ModelUsage, get_model  # noqa: E402
from inspect_ai.util import SandboxUnavailableError  # noqa: E402

from mle_gym.integrations.inspect.sandbox_environment import MleGymSandbox  # noqa: E402
from mle_gym.sandbox.runner_client import RunnerSandbox  # noqa: E402

pytestmark = [
    pytest.mark.slow("Inspect takes ten seconds to start"),
    pytest.mark.filterwarnings("default"),
]

PREDICT = """
import pandas as pd
test = pd.read_csv("data/test.csv")
test["survived"] = (test["sex"] == "female").astype(int)
test[["PassengerId", "survived"]].to_csv("submission.csv", index=False)
"""
METADATA = {"task": "titanic", "variant": "0", "arguments": "{}"}


def call(tool: str, **arguments: Any) -> ModelOutput:
    output = ModelOutput.for_tool_call("mockllm/model", tool, arguments)
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return output


def play(folder: Path, *turns: ModelOutput) -> EvalLog:
    model = get_model("mockllm/model", custom_outputs=[*turns, call("submit", answer="")])
    return inspect_ai.eval("mle_gym/titanic", model=model, display="none", log_dir=str(folder))[0]


def test_a_sample_is_played_and_scored_with_its_reasons(tmp_path: Path) -> None:
    log = play(
        tmp_path,
        call("python", code=PREDICT),
        call("bash", command="cd /tmp; echo out; echo err >&2; validate /workspace/submission.csv"),
        call("bash", command="pwd; exit 3"),
    )
    assert log.status == "success", log.error
    sample = log.samples[0]
    results = [m.text for m in sample.messages if isinstance(m, ChatMessageTool)]
    assert results[1].split("\n")[0] == "err"
    assert "is a valid submission" in results[1]
    assert results[2].strip().endswith("workspace")  # nothing of the call before carries over
    score = sample.scores["mle_gym_scorer"]
    assert score.value == score.metadata["grade"]["score"] == pytest.approx(0.7645, abs=1e-3)
    assert score.metadata["integrity"] == "clean"
    assert "the floor is" in score.explanation


def test_broken_rules_and_missing_submissions_are_told(tmp_path: Path) -> None:
    sample = play(tmp_path, call("bash", command="curl -s https://www.kaggle.com/titanic")).samples[
        0
    ]
    score = sample.scores["mle_gym_scorer"]
    assert score.value == 0.0
    assert score.answer is None
    assert "not valid" in score.explanation
    assert score.metadata["integrity"] != "clean"
    assert score.metadata["findings"]


@pytest.mark.anyio
async def test_the_sandbox_is_one_of_inspects() -> None:
    boxes = await MleGymSandbox.sample_init("titanic", None, METADATA)
    box = boxes["default"]
    try:
        done = await box.exec(["cat", "-"], input="given", env={"A": "b c"}, cwd="/tmp")
        assert (done.success, done.stdout, done.stderr) == (True, "given", "")
        done = await box.exec(["bash", "-c", "echo $A; pwd; exit 7"], env={"A": "b c"}, cwd="/tmp")
        assert (done.returncode, done.stdout) == (7, "b c\n/tmp\n")
        await box.write_file("deep/er/file", b"\x00\xff")
        assert await box.read_file("deep/er/file", text=False) == b"\x00\xff"
        with pytest.raises(FileNotFoundError):
            await box.read_file("nothing")
        with pytest.raises(IsADirectoryError):
            await box.read_file("deep")
        with pytest.raises(TimeoutError):
            await box.exec(["sleep", "60"], timeout=1)
    finally:
        await MleGymSandbox.sample_cleanup("titanic", None, boxes, False)


@pytest.mark.anyio
async def test_a_sandbox_that_is_gone_is_unavailable() -> None:
    boxes = await MleGymSandbox.sample_init("titanic", None, METADATA)
    inner = boxes["default"].as_type(MleGymSandbox)._sandbox
    assert isinstance(inner, RunnerSandbox)
    inner.close()
    with pytest.raises(SandboxUnavailableError):
        await boxes["default"].exec(["true"])
    await MleGymSandbox.sample_cleanup("titanic", None, boxes, False)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_the_documented_example_works() -> None:
    run_section("Inspect")
