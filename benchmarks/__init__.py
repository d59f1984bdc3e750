"""What an environment costs, side by side with what people would use in its place."""
