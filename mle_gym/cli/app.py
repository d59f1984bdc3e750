"""The program ``mle-gym``: its commands, and what happens to their errors."""

from __future__ import annotations

import os
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mle_gym.cli import (
    doctor_image,
    grade_jsonl_aggregate,
    grade_validate,
    import_benchmarks,
    list_show_prepare,
    new_and_validate_task,
    run_play_replay,
    verify_audit,
)
from mle_gym.cli.output import debugging, explain, out, warn

__all__ = ["app"]

EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym list                             the tasks
  mle-gym run titanic --agent solution     one episode, graded
  mle-gym play titanic                     the same, with you at the prompt
  mle-gym verify runs/*.jsonl              are these results whole and true?
  mle-gym audit runs/*.jsonl               did the agents play by the rules?
  mle-gym grade titanic submission.csv     a grade without a sandbox
  mle-gym new-task my-task                 a task of your own, ready to edit
  mle-gym doctor                           what this machine can do

[dim]Exit codes: 0 fine, 1 what was checked is not all right, 2 the command line
can't be used, 3 this machine lacks something, 70 a bug, 130 interrupted.
Results are on stdout (--json for scripts), everything else on stderr.[/dim]"""


class _Reporting(TyperGroup):
    """Turns exceptions into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            if type(error).__module__.split(".")[0] in ("click", "typer"):
                raise  # usage errors and exits, which typer reports itself
            raise typer.Exit(explain(error)) from error


app = typer.Typer(
    cls=_Reporting,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXAMPLES,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out().print(version("mle-gym"))
        raise typer.Exit


@app.callback()
def mle_gym(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks, as MLE_GYM_DEBUG=1 does.")
    ] = False,
) -> None:
    """Gymnasium environments in which agents learn machine-learning engineering."""
    debugging.set(debug or bool(os.environ.get("MLE_GYM_DEBUG")))
    if not debugging.get():
        warnings.showwarning = _show_warning


def _show_warning(message: Warning | str, *details: object, **more: object) -> None:
    """A warning as one line, without the place in our code that raised it."""
    warn(str(message))


for group in (
    list_show_prepare,
    run_play_replay,
    verify_audit,
    grade_validate,
    grade_jsonl_aggregate,
    new_and_validate_task,
    import_benchmarks,
    doctor_image,
):
    group.add_to(app)
