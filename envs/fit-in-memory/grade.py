"""The share of numbers that are right: each question counts the same."""

import pandas as pd


def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> tuple[float, dict[str, str]]:
    wanted = answers.set_index("id")["value"]
    found = submission.set_index("id")["value"].reindex(wanted.index)
    right = (found - wanted).abs() < 0.5
    questions = right.groupby(wanted.index // 10)
    parts = {f"question {number}": f"{each.sum()} of {len(each)}" for number, each in questions}
    return float(questions.mean().mean()), parts
