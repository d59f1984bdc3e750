"""Where a task's raw data come from."""
