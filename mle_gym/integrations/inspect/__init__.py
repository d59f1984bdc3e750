"""Tasks, a sandbox and a scorer for Inspect: ``inspect eval mle_gym/titanic --model …``."""
