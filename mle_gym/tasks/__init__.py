"""Tasks: what a task folder says, where tasks are found, and the datasets made of them."""
