"""Is a recorded result whole and true? The record's own consistency, and its score once more."""
