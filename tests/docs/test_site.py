"""The documents as a site: every link leads somewhere, and the site needs no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.site import pages
from scripts.site.build import write_site
from tests.report.browser import Browser
from tests.report.conftest import browser

__all__ = ["browser"]


def test_the_reference_documents_every_name_that_the_package_exports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = {title: names for title, names in pages.REFERENCE.items() if title != "Environments"}
    monkeypatch.setattr(pages, "REFERENCE", without)
    with pytest.raises(ValueError, match="MLEEnv"):
        pages.gather(tmp_path / "pages")


def test_what_documents_link_to_is_part_of_the_site(tmp_path: Path) -> None:
    pages.gather(tmp_path / "pages")
    assert (tmp_path / "pages/agents/reinforce.py").is_file()
    assert (tmp_path / "pages/envs/titanic/description.md.txt").is_file()
    assert not list(tmp_path.glob("pages/envs/**/*.md"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow("Sphinx reads all documents")
def test_every_link_is_right_and_the_search_needs_no_network(
    tmp_path: Path, browser: Browser, capfd: pytest.CaptureFixture[str]
) -> None:
    """One build shows both that a wrong link fails it and that it finds no other."""
    pages.gather(tmp_path / "pages")
    with (tmp_path / "pages/docs/glossary.md").open("a") as page:
        page.write("\n[planted](nowhere.md)\n")
    assert write_site(tmp_path / "pages", tmp_path / "site") == 1
    warnings = [line for line in capfd.readouterr().err.splitlines() if line.strip()]
    assert len(warnings) == 1
    assert "nowhere.md" in warnings[0]
    address = (tmp_path / "site/search.html").as_uri()
    browser.open(f"{address}?q=snapshot", "document.querySelector('#search-results li')")
    assert "MLEEnv.snapshot" in browser.run("document.querySelector('#search-results').innerText")
    assert all(asked.startswith(("file:", "data:")) for asked in browser.requests())
