"""A workspace as a value: taken out of one sandbox, put into others."""
