"""The program ``mle-gym``: a table of its commands, and what happens to their errors.

A command's module is imported when the command is called, so ``mle-gym --help`` loads none of
them. Each module has its commands in a ``typer.Typer`` named ``commands``.
"""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

import mle_gym
from mle_gym.cli.console import as_json, debugging, emit, error_data, explain, out, warn

__all__ = ["COMMANDS", "app", "load_command"]

COMMANDS = {
    "Tasks": {
        "list": (
            "list_show_prepare",
            "List every task: what works on this machine now, and what each other one needs.",
        ),
        "show": (
            "list_show_prepare",
            "Show one task: its question, its grading, its limits, and what models may know of it.",
        ),
        "prepare": (
            "list_show_prepare",
            "Prepare datasets ahead of time. Episodes do it by themselves, but download nothing.",
        ),
    },
    "Episodes": {
        "run": (
            "run_play_replay",
            "Let an agent play one episode of a task; print its grade and where it was recorded.",
        ),
        "play": ("run_play_replay", "Play a task yourself, at a prompt in its sandbox."),
        "replay": (
            "run_play_replay",
            "Execute a recorded episode's actions again and report what came out differently.",
        ),
        "verify": (
            "verify_audit",
            "Check that recorded results are complete and true: the hash chain and, again, the "
            "score.",
        ),
        "audit": (
            "verify_audit",
            "Look for broken rules in what agents did: labels by hand, data or solutions from "
            "elsewhere.",
        ),
    },
    "Training": {
        "export-trajectories": (
            "export_trajectories_health",
            "Write recorded episodes, or experts' ones, as training data for language models.",
        ),
        "health": (
            "export_trajectories_health",
            "Say whether training on recorded episodes would go right, and what to do if not.",
        ),
    },
    "Evaluations": {
        "eval": (
            "eval_compare",
            "Evaluate agents on tasks: play every episode of a plan, and print figures with "
            "intervals.",
        ),
        "compare": (
            "eval_compare",
            "Compare the agents of two evaluations on the episodes that both have.",
        ),
        "leaderboard": (
            "verified_leaderboard",
            "Verify a folder of records that anybody may add to, and rank what counts.",
        ),
        "report": (
            "report_view",
            "Write a run as one HTML file: leaderboard, tasks, comparisons, and every episode's "
            "steps.",
        ),
        "view": (
            "report_view",
            "Serve a folder of runs to a browser on this machine, live while they grow.",
        ),
    },
    "Other frameworks": {
        "serve": (
            "serve_episodes",
            "Serve episodes to trainers and agents elsewhere, in OpenEnv's protocol.",
        ),
        "mcp": (
            "serve_mcp",
            "Let an MCP client, such as Claude Code or Codex CLI, play one episode of a task.",
        ),
    },
    "Submissions": {
        "grade": (
            "grade_validate",
            "Grade a submission, without a sandbox and without an episode.",
        ),
        "validate": ("grade_validate", "Check the format of a submission without scoring it."),
        "grading-server": (
            "serve_grading",
            "Tell agents in other containers over HTTP whether a submission is valid, as MLE-bench "
            "does.",
        ),
        "grade-jsonl": (
            "grade_jsonl_aggregate",
            "Grade many submissions of many competitions; write MLE-bench's report.",
        ),
        "aggregate": (
            "grade_jsonl_aggregate",
            "Average reports over seeds: medals, with standard error and 95% interval.",
        ),
    },
    "Write tasks": {
        "new-task": (
            "new_and_validate_task",
            "Make a task with generated data, ready to run and to change, or one from your CSV "
            "files.",
        ),
        "validate-task": (
            "new_and_validate_task",
            "Prove that a task is sound: no leaks, working programs, scores where they should be.",
        ),
        "import": ("import_benchmarks", "Make tasks from another benchmark's competitions."),
        "export": ("export_to_frameworks", "Write tasks, or runs, in another framework's format."),
    },
    "This machine": {
        "doctor": (
            "doctor_image",
            "Try what this machine's sandboxes enforce: memory hogs must die, answers must be "
            "hidden.",
        ),
        "image": ("doctor_image", "The image of the docker backend."),
    },
}
"""Every command below the title of its group in the help: its module, and its line of help."""

EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym list                             the tasks
  mle-gym run titanic --agent solution     one episode, graded
  mle-gym play titanic                     the same, with you at the prompt
  mle-gym eval --agents solution,baseline --tasks titanic,wine --seeds 3
  mle-gym verify runs/*.jsonl              are these results complete and true?
  mle-gym audit runs/*.jsonl               did the agents play by the rules?
  mle-gym grade titanic submission.csv     a grade without a sandbox
  mle-gym new-task my-task                 a task of your own, ready to edit
  mle-gym doctor                           what this machine can do

[dim]Exit codes: 0 success, 1 a check failed, 2 the command line can't be used,
3 this machine lacks something, 70 a bug, 130 interrupted.
Results are on stdout (--json for scripts), everything else on stderr.[/dim]"""


# What comes from click is Any here: newer releases of typer bring a click of their own, so that its
# types have no name that all supported releases share.


def load_command(name: str) -> Any:
    """Import the module of a command and return the command itself, with all its options."""
    (module,) = (lines[name][0] for lines in COMMANDS.values() if name in lines)
    commands: typer.Typer = import_module(f"mle_gym.cli.{module}").commands
    for program in (commands, *(each.typer_instance for each in commands.registered_groups)):
        for command in program.registered_commands if program else ():
            command.cls = _Command
    return get_group(commands).commands[name]


class _Command(TyperCommand):
    """A command in whose help a flag is a flag: it takes no value, so no type stands behind it."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, with the option for help."""
        return [_without_type(each) for each in super().get_params(ctx)]


def _without_type(option: Any) -> Any:
    if getattr(option, "is_flag", False) and hasattr(option, "display_type_rich"):
        option.display_type_rich = lambda ctx: None  # releases of typer before 0.27 have no such
    return option


def _line_of_help(name: str, panel: str, text: str) -> TyperCommand:
    """A stand-in for a command that isn't imported, with what the overview shows of it."""
    return TyperCommand(name=name, help=text, rich_help_panel=panel)


class _Commands(TyperGroup):
    """Imports a command when it is called, and turns exceptions into a message and an exit code."""

    def __init__(self, **options: Any) -> None:
        options["commands"] = {
            name: _line_of_help(name, panel, text)
            for panel, lines in COMMANDS.items()
            for name, (_, text) in lines.items()
        }
        super().__init__(**options)

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, with the option for help."""
        return [_without_type(each) for each in super().get_params(ctx)]

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find a command by its name, and import it."""
        name, known, rest = super().resolve_command(ctx, args)
        as_json.set("--json" in rest)
        return name, known and load_command(known.name or ""), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            if type(error).__module__.split(".")[0] in ("click", "typer"):
                _emit_usage_error(error)
                raise  # usage errors and exits, which typer reports itself
            raise typer.Exit(explain(error)) from error


def _emit_usage_error(error: BaseException) -> None:
    """With ``--json``, put an error of the command line on stdout, in place of the result."""
    message = getattr(error, "format_message", None)
    if as_json.get() and message is not None:
        emit({"error": error_data(error, message(), getattr(error, "exit_code", 2))})


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXAMPLES,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        out().print(mle_gym.__version__)
        raise typer.Exit


@app.callback()
def global_options(
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
    """Show a warning as one line, without the place in our code that raised it."""
    warn(str(message))
