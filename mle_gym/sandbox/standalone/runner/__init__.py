"""The program inside every sandbox: it runs the agent's commands and file actions for the host.

It uses the standard library of Python 3.9 or newer and nothing of mle_gym. This folder is mounted
into the sandbox, and must start there within milliseconds.

    serve [FOLDER]                               speak frames with the host on stdin and stdout
    call NAME SOCKET DEFAULT VARIABLE [PATH]     be one of the commands that the host offers inside

The host sends ``configure`` once, then one operation at a time; each is answered by ``done``.
While a script runs, the runner may send ``request`` (the script called one of those commands) and
gets ``reply``.

The host trusts nothing that comes from here. The agent runs as the same user as this process, so
anything that it could forge must be worthless. Answers, graders and other episodes are not in this
sandbox.
"""
