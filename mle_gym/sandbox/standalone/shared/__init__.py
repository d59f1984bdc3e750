"""What several of the programs use, or a program and the host."""
