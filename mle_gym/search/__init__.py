"""Search over programs: a tree of attempts, each of which continues from a snapshot."""
