"""Every command and every piece of code in the documents works."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.conftest import CHECKOUT, DOCUMENTS
from tests.docs.snippets import RUNNABLE, SHELL, commands, parse
from tests.sandbox.docker_daemon import require

RUNNER = CHECKOUT / "tests" / "docs" / "snippets.py"
WITH_TORCH = ("training.md",)
WITH_CODE = [file for file in DOCUMENTS if parse(file.read_text(encoding="utf-8"))]
ELSEWHERE = {
    "integrations.md": "each section requires other packages: the tests of its integration run it",
    "coming-from-mle-bench.md": "tests/integrations/test_coming_from_mle_bench.py runs it",
}
IN_ONE_PLACE = [file for file in WITH_CODE if file.name not in ELSEWHERE]


def run(file: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The runner on one document."""
    return subprocess.run(
        [sys.executable, RUNNER, file], capture_output=True, text=True, env=environment
    )


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("file", IN_ONE_PLACE, ids=lambda file: file.name)
@pytest.mark.slow("a document's code takes a minute")
def test_everything_in_a_document_works(file: Path, installed: dict[str, str]) -> None:
    if file.name in WITH_TORCH and find_spec("torch") is None:
        require("rl", "PyTorch is not installed: pip install 'mle-gym[rl]'")
    result = run(file, installed)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]


@pytest.mark.parametrize("file", WITH_CODE, ids=lambda file: file.name)
def test_what_runs_instead_of_a_command_is_not_less_than_a_program(file: Path) -> None:
    for snippet in parse(file.read_text(encoding="utf-8")):
        if snippet.marker == "test":
            assert snippet.language in SHELL
            assert snippet.argument not in ("true", ":"), f"{file}:{snippet.line}"


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_no_code_hides_in_a_block_that_is_not_run(file: Path) -> None:
    known = {*RUNNABLE, "text", "csv", "markdown"}
    fences = [line for line in file.read_text(encoding="utf-8").splitlines() if line[:3] == "```"]
    languages = {line[3:] for line in fences[::2]}
    assert languages <= known


@pytest.mark.parametrize(
    "block",
    [
        "```python\nassert 1 == 2\n```",
        "```console\n$ false\n```",
        "```bash\nfalse | true\n```",
        "```toml\nx = 1\n```",
        "```console\nno prompt\n```",
        "<!-- test: exit 3 -->\n```console\n$ true\n```",
        "```python\nprint(1)\n```\n<!-- output -->\n```text\n2\n```",
        "```console\n$ echo 1\n```\n<!-- output -->\n```text\n11\n```",
        "nothing to run",
    ],
)
def test_a_document_that_does_not_work_is_noticed(tmp_path: Path, block: str) -> None:
    file = tmp_path / "x.md"
    file.write_text(f"# Title\n\n{block}\n")
    assert run(file).returncode != 0


def test_blocks_share_names_and_files(tmp_path: Path) -> None:
    file = tmp_path / "x.md"
    file.write_text(
        "<!-- file: sub/a.txt -->\n```toml\nx = 1\n```\n"
        "```python\nx = open('sub/a.txt').read()\n```\n"
        "```console\n$ cp sub/a.txt \\\n>    b.txt\noutput\n```\n"
        "```python\nassert open('b.txt').read() == x == 'x = 1\\n'\n```\n"
    )
    result = run(file)
    assert result.returncode == 0, result.stderr


def test_output_of_python_and_of_commands_is_compared(tmp_path: Path) -> None:
    file = tmp_path / "x.md"
    file.write_text(
        "```python\nprint('one')\n```\n<!-- output -->\n```text\none\n```\n"
        "```console\n$ echo two\n```\n<!-- output -->\n```text\ntwo\n```\n"
    )
    result = run(file)
    assert result.returncode == 0, result.stderr


def test_only_commands_of_a_console_block_run() -> None:
    assert commands("$ one\noutput\n$ two \\\n>  more\n") == "one\ntwo \\\n more"
