"""Compares what an environment costs with its alternatives."""
