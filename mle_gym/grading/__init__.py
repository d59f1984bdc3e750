"""Grading: untrusted bytes in, a :class:`~mle_gym.grading.grade.Grade` out."""
