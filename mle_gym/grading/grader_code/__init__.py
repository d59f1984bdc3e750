"""Graders that are code: a task's own ``grade.py``, run in a sandbox."""
