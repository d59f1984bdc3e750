"""Runs the code of a Markdown file, top to bottom. Standard library only.

    python tests/docs/snippets.py README.md --section Quickstart

Python blocks share one namespace. Of ``console`` blocks the lines after ``$`` run, of ``bash``
blocks everything. The folder they run in is fresh and holds links to what the checkout holds. An
invisible comment right above a block changes what is done with it:

    <!-- test: COMMAND -->   run this instead, where the block itself would take too long
    <!-- file: PATH -->      write the block into a file, for later blocks to use
    <!-- output -->          compare the block with what the block above it printed

Blocks of other languages than these and TOML are for reading and are left alone.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType

CHECKOUT = Path(__file__).resolve().parents[2]
SHELL = ("bash", "console")
RUNNABLE = ("python", "toml", *SHELL)
FENCE = re.compile(r"```(\w*)\s*")
MARKER = re.compile(r"<!--\s*(?:(test|file):\s*(.+?)|(output))\s*-->")


@dataclass(frozen=True)
class Snippet:
    """One fenced block."""

    line: int
    """Of its first line of code, counted from 1."""
    section: str
    language: str
    code: str
    marker: str = ""
    argument: str = ""

    def run(self, file: Path, namespace: dict[str, object], printed: str = "") -> str:
        """Run the block, and return what it printed. Any failure raises."""
        if self.marker == "output":
            if printed != self.code:
                raise ValueError(f"{file}:{self.line}: the block above printed\n{printed}")
        elif self.marker == "file":
            path = Path(self.argument)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.code, encoding="utf-8")
        elif self.marker == "test":
            return run_shell(self.argument)
        elif self.language in SHELL:
            return run_shell(self.code if self.language == "bash" else commands(self.code))
        elif self.language == "python":
            source = "\n" * (self.line - 1) + self.code
            return run_python(compile(source, str(file), "exec"), namespace)
        else:
            raise ValueError(f"{file}:{self.line}: a {self.language} block needs a marker: "
                             "<!-- file: PATH -->")  # fmt: skip
        return ""


def parse(text: str) -> list[Snippet]:
    """The blocks of a Markdown text that can be run."""
    found: list[Snippet] = []
    section, marker, argument = "", "", ""
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        fence, comment = FENCE.fullmatch(line), MARKER.fullmatch(line)
        if line.startswith("#"):
            section = line.lstrip("# ")
        elif comment:
            marker, argument = comment[1] or comment[3], comment[2] or ""
        elif fence:
            code = []
            for _, inside in lines:
                if inside.startswith("```"):
                    break
                code.append(f"{inside}\n")
            snippet = Snippet(number + 1, section, fence[1], "".join(code), marker, argument)
            if marker or fence[1] in RUNNABLE:
                found.append(snippet)
            marker, argument = "", ""
    return found


def commands(console: str) -> str:
    """The lines after ``$``, and their continuations after ``>``."""
    kept = [line[2:] for line in console.splitlines() if line.startswith(("$ ", "> "))]
    if not kept:
        raise ValueError("a console block without a line that starts with $")
    return "\n".join(kept)


def run_python(code: CodeType, namespace: dict[str, object]) -> str:
    """The output of Python code."""
    with contextlib.redirect_stdout(io.StringIO()) as stdout:
        try:
            exec(code, namespace)
        finally:
            print(stdout.getvalue(), end="", file=sys.__stdout__, flush=True)
    return stdout.getvalue()


def run_shell(script: str) -> str:
    """The output of a script, with the running interpreter's programs first on the PATH."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    }
    program = ["bash", "-euo", "pipefail", "-c", script]
    result = subprocess.run(program, env=environment, stdout=subprocess.PIPE, text=True)
    print(result.stdout, end="", flush=True)
    result.check_returncode()
    return result.stdout


def main() -> None:
    """Run one file's blocks in a fresh folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--section", help="only the blocks under this heading")
    parser.add_argument("--as-written", action="store_true", help="ignore <!-- test: … -->")
    parser.add_argument("--folder", type=Path, help="run there and not in a fresh folder")
    arguments = parser.parse_args()
    file = arguments.file.resolve()
    snippets = [
        snippet
        for snippet in parse(file.read_text(encoding="utf-8"))
        if arguments.section in (None, snippet.section)
    ]
    if not snippets:
        sys.exit(f"{file}: no code to run")
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or fresh_folder(stack)
        stack.enter_context(contextlib.chdir(folder))
        namespace: dict[str, object] = {"__name__": "__main__"}
        printed = ""
        for snippet in snippets:
            if arguments.as_written and snippet.marker == "test":
                snippet = replace(snippet, marker="")
            print(f"--- {file.name}:{snippet.line} ({snippet.language})", flush=True)
            printed = snippet.run(file, namespace, printed)


def fresh_folder(stack: contextlib.ExitStack) -> Path:
    """A folder like a checkout without the package, so that the installed package is used."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    for entry in CHECKOUT.iterdir():
        if not entry.name.startswith(".") and entry.name not in ("mle_gym", "runs", "dist"):
            (folder / entry.name).symlink_to(entry)
    sys.path.insert(0, str(folder))
    return folder


if __name__ == "__main__":
    main()
