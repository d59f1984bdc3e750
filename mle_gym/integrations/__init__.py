"""Connections to other benchmarks (their competitions, graders, report formats) and to trainers."""
