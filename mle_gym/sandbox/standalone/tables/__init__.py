"""Finds tables among the files that a sandbox shows, whatever their format, and describes them.

Standard library, NumPy and pyarrow if they are there, Python 3.9 or newer, nothing of mle_gym: the
folder runs under the interpreter that is offered to agents, inside one of its sandboxes, and so
sees what they would see.
``row_fingerprints.py`` describes numbers and words so that the same rows are known again in another
order, format or precision, with columns left out or added; it also describes a task's own rows, on
the host. ``readers.py`` gets at what files hold, ``raw_numbers.py`` at arrays in unknown formats,
``find_tables.py`` walks.
"""
