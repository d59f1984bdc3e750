"""Grading: untrusted bytes in, a :class:`Grade` out.

Knows nothing of sandboxes and environments. Importing it imports neither pandas nor scikit-learn.
"""

from __future__ import annotations

from mle_gym.grading.open_grader import Grade, Grader, Validation, grade
from mle_gym.metrics import METRICS, Metric, get_metric

__all__ = ["METRICS", "Grade", "Grader", "Metric", "Validation", "get_metric", "grade"]
