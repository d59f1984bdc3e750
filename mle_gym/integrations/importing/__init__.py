"""Competitions of other benchmarks as task folders."""
