"""Scores what an agent left in our sandbox: the reward, why, and whether the rules were kept."""

from __future__ import annotations

import dataclasses
from typing import Any

from inspect_ai.model import ChatMessageAssistant, ChatMessageTool
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import TaskState
from inspect_ai.util import sandbox

from mle_gym.episode.rewards import Progress, load_reward
from mle_gym.grading.grade import Grade
from mle_gym.integrations.inspect.sandbox_environment import MleGymSandbox
from mle_gym.trajectories.audit.run_audit import Audit, audit_record
from mle_gym.trajectories.stored_submission import pack_submission
from mle_gym.trajectories.trajectory import Step, Trajectory

__all__ = ["mle_gym_scorer"]


@scorer(metrics=[mean(), stderr()])
def mle_gym_scorer() -> Scorer:
    """The reward as the score, the grade as its explanation, and the audit's label beside it.

    A failure of the machinery is an error of the sample, never a score.
    """

    async def score(state: TaskState, target: Target) -> Score:
        ours = sandbox().as_type(MleGymSandbox)
        grade = await ours.grade()
        potential = load_reward(ours.settings.reward)
        audit = audit_record(_record(state, grade, ours), str(state.sample_id))
        return Score(
            value=float(sum(potential(Progress(grade=grade)).values())),
            answer=ours.dataset.task.submission.filename if grade.sha256 else None,
            explanation=_explanation(grade, audit),
            metadata={
                "integrity": audit.worst or "clean",
                "findings": audit.to_dict()["findings"],
                "grade": grade.to_dict(),
            },
        )

    return score


def _explanation(grade: Grade, audit: Audit) -> str:
    """What the viewer shows of a score."""
    lines = [
        f"{grade.metric}: {grade.score:.5g} on {grade.rows:,} rows"
        if grade.score is not None
        else f"not valid: {grade.error_message}"
    ]
    if grade.score is not None and grade.floor is not None:
        ceiling = "" if grade.ceiling is None else f", the ceiling {grade.ceiling:.5g}"
        lines.append(f"the floor is {grade.floor:.5g}{ceiling}")
    if grade.rank is not None:
        lines.append(f"rank {grade.rank} among {grade.board}")
    lines.append(f"integrity: {audit.worst or 'clean'}")
    lines += [f"step {each.step}: {each.check}: {each.meaning}" for each in audit.findings]
    return "\n".join(lines)


def _record(state: TaskState, grade: Grade, ours: MleGymSandbox) -> Trajectory:
    """What the agent did, as the audit reads it."""
    answers = {
        message.tool_call_id: message.text
        for message in state.messages
        if isinstance(message, ChatMessageTool)
    }
    steps = [
        _step({"tool": call.function, **call.arguments}, answers.get(call.id, ""))
        for message in state.messages
        if isinstance(message, ChatMessageAssistant)
        for call in message.tool_calls or ()
    ]
    if steps:
        steps[-1] = dataclasses.replace(steps[-1], info={"grade": grade.to_dict()})
    header = {"task": ours.dataset.task.id, "variant": ours.dataset.options.variant}
    handed = ours.handed_in
    packed = pack_submission(handed) if isinstance(handed, bytes) else None
    return Trajectory(header, tuple(steps), {"submission": packed} if packed else {})


def _step(action: dict[str, Any], output: str) -> Step:
    return Step(action, {"output": output, "exit_code": 0}, 0.0, False, False, {})
