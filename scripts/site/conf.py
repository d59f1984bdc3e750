"""How Sphinx makes the documentation's site; ``scripts/docs --site`` calls it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import mle_gym

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "mle-gym"
release = version = mle_gym.__version__
html_title = f"{project} {release}"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
html_theme = "furo"
html_copy_source = html_show_sourcelink = False
html_last_updated_fmt = None
# Headings get the anchors that code hosts give them, so that one link works in both.
myst_heading_anchors = 4
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_use_ivar = True
default_role = "code"
add_module_names = False
maximum_signature_line_length = 88
pygments_dark_style = "github-dark"

# A lexer for each language that a code host knows isn't needed.
suppress_warnings = ["misc.highlighting_failure"]

_HEADING = re.compile(r"#+ (.+)")
_TABLE = re.compile(r"(?:^\|.*\n?)+", re.MULTILINE)


def setup(app: Sphinx) -> None:
    """Read headings and tables of Gymnasium's docstrings, which are Markdown's."""
    app.connect("autodoc-process-docstring", _from_markdown)


def _from_markdown(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    headed = (_HEADING.sub(r".. rubric:: \1", line) for line in lines)
    lines[:] = _TABLE.sub(_list_table, "\n".join(headed)).split("\n")


def _list_table(table: re.Match[str]) -> str:
    header, _, *rows = table[0].splitlines()
    lines = ["", ".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        first, *others = [cell.strip() for cell in row.strip("|").split("|")]
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in others)]
    return "\n".join([*lines, "", ""])
