"""What an agent hands in that learned nothing, for a task of any kind."""

from __future__ import annotations

from mle_gym.tasks.spec import TaskSpec

__all__ = ["hand_in"]


def hand_in(task: TaskSpec) -> str:
    """A script that makes a valid submission and submits it.

    It copies the sample submission, or has a program do so. Where a program can't, because it is
    graded by what its runs leave or because it is fed chunk by chunk, it is the task's baseline.
    """
    spec, code = task.submission, task.submission.code
    if spec.kind == "files":
        return f"cp -r data/sample_submission {spec.filename} && submit"
    if code is None:
        return f"cp data/sample_submission.csv {spec.filename} && submit"
    if code.stream or not spec.columns:
        baseline = (task.folder / "baseline.py").read_text()
        written = f"cat >baseline.py <<'END OF BASELINE'\n{baseline}\nEND OF BASELINE\n"
        return f"{written}python baseline.py && submit"
    copy = f"import shutil; shutil.copy('data/sample_submission.csv', '{code.output}')"
    return f'echo "{copy}" > {spec.filename} && submit'
