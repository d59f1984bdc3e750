"""What this machine's sandboxes really enforce, found out by trying."""
