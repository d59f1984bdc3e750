"""Bridges to other benchmarks: their competitions, their graders, their report formats."""
