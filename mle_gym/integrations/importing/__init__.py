"""Imports other benchmarks' competitions as task folders."""
