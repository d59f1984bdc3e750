"""The brief: what an agent is told at the beginning of an episode."""
