"""Grading as MLE-bench grades, quirks included, for the 22 competitions of its Lite split.

Strict grading (:mod:`mle_gym.grading.graders.predictions`) is the default and the one to trust; use
this one for numbers to compare with MLE-bench's published tables. ``docs/mle-bench.md`` lists every
quirk with what strict grading does instead.
"""

from __future__ import annotations

from mle_gym.grading.parity.mle_bench_csv import read_like_mle_bench
from mle_gym.grading.parity.mle_bench_rules import RULES, Rule, parity_score

__all__ = ["RULES", "Rule", "parity_score", "read_like_mle_bench"]
