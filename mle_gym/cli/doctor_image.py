"""``doctor`` and ``image build``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from mle_gym.cli.console import AsJson, ExitCode, UsageError, emit, err, new_table, out
from mle_gym.cli.print_table import print_table
from mle_gym.sandbox.backends import backend_names
from mle_gym.sandbox.doctor.diagnose import Diagnosis, diagnose
from mle_gym.text import nearest

__all__ = ["commands"]

STYLES = {
    "enforced": "green",
    "works": "green",
    "not enforced": "bold red",
    "unavailable": "yellow",
}

DOCTOR_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym doctor
  mle-gym doctor docker
  mle-gym doctor bubblewrap --json

[dim]Exit code 3: none of the backends can run here; 1: the first one that can does
not enforce everything.[/dim]"""

BUILD_EXAMPLES = """\b
[bold]Examples[/bold]
  mle-gym image build                from docker/Dockerfile, with a registry
  mle-gym image build --from-host    from the Python that runs this, offline"""


commands = typer.Typer()
image = typer.Typer(no_args_is_help=True)
commands.add_typer(image, name="image")


@commands.command(epilog=DOCTOR_EXAMPLES)
def doctor(
    backends: Annotated[
        list[str] | None,
        typer.Argument(metavar="BACKEND…", help="By default those that auto tries, in its order."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try what this machine's sandboxes enforce: memory hogs must die, answers must be hidden."""
    chosen = backends or ["bubblewrap", "docker"]
    known = [name for name in backend_names() if name != "auto"]
    for name in chosen:
        if name not in known:
            raise UsageError(f"no backend is called {name!r}{nearest(name, known)}")
    with err().status("trying") as status:
        diagnoses = diagnose(chosen, lambda f: status.update(f"tried {f.backend}: {f.check}"))
    if as_json:
        emit([asdict(diagnosis) for diagnosis in diagnoses])
    else:
        _print(diagnoses)
    raise typer.Exit(_verdict(diagnoses))


def _print(diagnoses: list[Diagnosis]) -> None:
    table = new_table("backend", "check", "status", "found")
    for diagnosis in diagnoses:
        status = Text(diagnosis.status, style=STYLES[diagnosis.status])
        table.add_row(diagnosis.backend, diagnosis.check, status, Text(diagnosis.detail))
    print_table(table)
    for advice in dict.fromkeys(f.advice for f in diagnoses if f.advice):
        out().print(Text.assemble(("advice  ", "bold"), advice), soft_wrap=True)


def _verdict(diagnoses: list[Diagnosis]) -> ExitCode:
    """Judge the first backend that can run, which is the one that ``auto`` chooses by default."""
    works = [f.backend for f in diagnoses if (f.check, f.status) == ("available", "enforced")]
    if not works:
        return ExitCode.ENVIRONMENT
    weak = [f.check for f in diagnoses if f.backend == works[0] and f.status == "not enforced"]
    held = f"does not enforce: {', '.join(weak)}" if weak else "enforces everything that was tried"
    err().print(Text.assemble((works[0], "bold"), f" {held}"))
    return ExitCode.NOT_OK if weak else ExitCode.OK


@image.callback()
def _image() -> None:
    """The image of the docker backend."""


@image.command(epilog=BUILD_EXAMPLES)
def build(
    from_host: Annotated[
        bool, typer.Option("--from-host", help="Build it offline, from this machine's Python.")
    ] = False,
    python: Annotated[
        str, typer.Option(help="Version of Python, such as 3.12; by default the one running.")
    ] = "",
    package: Annotated[
        list[str] | None, typer.Option(help="A distribution to add; for several, repeat it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build the image in which the docker backend runs commands."""
    if from_host and python:
        raise UsageError("--python can't be combined with --from-host")
    # Docker's library, which other commands do without.
    from mle_gym.sandbox.docker.image import build_from_dockerfile, build_from_host

    added = tuple(package or ())
    if from_host:
        name = build_from_host(_report, added)
    else:
        name = build_from_dockerfile(_report, python, added)
    if as_json:
        emit({"image": name})
    else:
        out().print(Text(name))


def _report(line: str) -> None:
    """Print a line of a build's progress."""
    err().print(Text(line, style="dim"), soft_wrap=True)
