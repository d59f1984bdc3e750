"""What more than one of the programs uses, or a program and the host."""
