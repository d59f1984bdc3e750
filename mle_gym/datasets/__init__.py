"""Datasets: what ``prepare`` makes of a task and its options."""
