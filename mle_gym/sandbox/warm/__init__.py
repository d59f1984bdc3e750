"""The host's part of warm Python. The others: ``standalone/zygote`` and the runner's ``warm_*``."""
