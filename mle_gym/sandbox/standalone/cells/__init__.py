"""The agent's live interpreter: it runs cells of Python, whose variables live on.

It uses the standard library of Python 3.9 or newer and nothing of mle_gym. The runner starts it as
``python start.py cells`` in the shell's directory and with the shell's variables, so that it is the
interpreter that a command would get: a warm one where Python is warm.

Standard input is a socket to the runner, which sends cells and is told how each one ended. All that
the agent sees of a cell is written to standard output and standard error. Everything in this
process is the agent's, so the runner believes nothing that it says: see ``runner/interpreter.py``.
"""
