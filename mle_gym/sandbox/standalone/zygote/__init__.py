"""Warm Python: a process with the usual libraries imported, forked into the sandbox that asks.

It uses the standard library of Python 3.9 or newer and nothing of mle_gym. It runs under the
interpreter that is offered to agents, outside every sandbox, with nothing secret in memory.

``shim.c`` is `python` on a sandbox's ``PATH``. It connects to the sandbox's own socket, whose
listening end the zygote (``parent.py``) has together with the sandbox's namespaces; both come from
the launcher and never from a sandbox. The zygote reads nothing that a sandbox sends: it passes each
connection to a *spare* (``spare.py``), a fork made ahead of time. The spare enters the sandbox and
gives up every privilege (``enter_sandbox.py``); then its memory moves on to a child in the
sandbox's process namespace (``handover.c``), and it executes the *keeper* (``keeper.c``), which
waits for the child, forwards signals and reports its end. The child reads the request, decides
whether it can be served (``accept_request.py``), becomes what a new interpreter would be
(``become_program.py``, ``new_interpreter.py``) and runs the program (``program_call.py``,
``program.c``, ``end_program.py``). A container can't be entered: there, a zygote is part of the
sandbox and started by the runner. Until a program starts, any trouble only means that the shim
executes the real interpreter.
"""
