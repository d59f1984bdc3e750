"""Checks whether a recorded result is complete and true: its consistency, and again its score."""
