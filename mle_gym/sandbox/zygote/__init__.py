"""Warm Python: a process with the usual libraries imported, forked into the sandbox that asks.

Standard library only, Python 3.9 or newer, and nothing of mle_gym: this folder runs under the
interpreter that is offered to agents, outside of every sandbox and with nothing secret in memory.

``shim.c`` is `python` on a sandbox's ``PATH``. It connects to the sandbox's own socket, whose
listening end the zygote (``main.py``) has together with the sandbox's namespaces; both come from
the launcher, never from a message. The zygote reads nothing that a sandbox sends: for each
connection it forks a *keeper*, which enters the sandbox and gives up every privilege
(``enter.py``) before it reads the request and decides whether it can be served (``request.py``).
The keeper forks the program (``program.py``, ``program.c``), waits for it, passes signals on and
reports its end. Until a program starts, any trouble only means that the shim executes the real
interpreter.
"""
