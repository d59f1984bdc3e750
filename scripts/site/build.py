"""Builds the documentation as a site that needs no network, and fails if a link leads nowhere.

python -m scripts.site.build site
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from sphinx.cmd.build import main as sphinx

from scripts.site.pages import gather

CONFIGURATION = Path(__file__).parent


def build(out: Path) -> int:
    """Gather all pages and write the site into ``out``, which is emptied first.

    Returns:
        0, or 1 if anything is wrong in any page; Sphinx has then said where.
    """
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as work:
        gather(Path(work) / "pages")
        return write_site(Path(work) / "pages", out)


def write_site(pages: Path, out: Path) -> int:
    """Write the site from gathered pages, as :func:`build` does."""
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--jobs", "auto"]
    with tempfile.TemporaryDirectory() as work:
        return sphinx([*options, "-c", str(CONFIGURATION), "-d", work, str(pages), str(out)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="the folder to write, which is emptied first")
    raise SystemExit(build(parser.parse_args().out))
