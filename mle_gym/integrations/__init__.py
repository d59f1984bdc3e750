"""Connections to other benchmarks: their competitions, graders and report formats."""
