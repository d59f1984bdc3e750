"""What an agent may do in a step, the tools that models are offered, and how calls are read."""
