"""Starts a program of this folder: ``python …/standalone/start.py runner serve``.

This file makes the folder a package by hand, without adding anything to ``sys.path``, so no module
of ours can shadow what the interpreter or an agent imports. The package files (``__init__.py``) are
for readers: loading them would slow down the start of every sandbox. This file is short because no
interpreter keeps it compiled.
"""

import sys

at_start = set(sys.modules)
"""The modules that every interpreter has. Nothing else may be imported above this line."""
if not sys.flags.isolated:
    del sys.path[0]  # this file's folder
program, *arguments = sys.argv[1:]
for part in ("", "/shared", f"/{program}"):
    package = type(sys)("standalone" + part.replace("/", "."))
    package.__path__ = [__file__.rpartition("/")[0] + part]
    sys.modules[package.__name__] = package
# For the relative imports below, as in PEP 366; Python 3.15 no longer looks at `__package__`.
__spec__ = type(sys.__spec__)("standalone.start", None)

if program == "runner":
    if arguments[0] == "serve":
        from .runner.serve import serve

        serve(*arguments[1:])
    if arguments[0] == "apply_patch":
        from .runner.apply_patch import main as apply_patch

        sys.exit(apply_patch(arguments[1:]))
    from .runner.inside_commands import call

    name, socket, default, variable, *given = arguments[1:]
    sys.exit(call(name, socket, default, variable, given))
elif program == "cells":
    from .cells.serve_cells import main as serve_cells

    serve_cells()
elif program == "zygote":
    if arguments[-1] == "wait":
        from .zygote.wait import wait_for_order

        if not wait_for_order(int(arguments[-2])):
            sys.exit()
        del arguments[-1]
    from .zygote.parent import main as run_zygote

    run_zygote(arguments, at_start)
elif program == "launcher":
    from .launcher.server import main as run_launcher

    run_launcher(arguments)
