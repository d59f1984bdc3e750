"""The page in a real browser: what it draws, how it is used, and that hostile text stays text."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mle_gym.evaluation.evaluation_folder import EvaluationFolder
from mle_gym.evaluation.result import Result
from mle_gym.report.overview import FIELDS
from mle_gym.report.page import page
from mle_gym.report.shortening import to_json
from mle_gym.report.sources import open_source
from mle_gym.report.view_server import ViewServer
from mle_gym.report.write_report import write_report
from tests.report.browser import Browser
from tests.report.made_run import HOSTILE, SUBMISSION, make_run, make_search

pytestmark = pytest.mark.slow("a browser takes seconds to start and to draw")

EPISODE = quote("titanic-v0/careful/variant0-seed0", safe="")
FAILED = quote("wine-v0/hasty/variant0-seed2", safe="")
ROWS = "document.querySelectorAll('#list tbody tr').length"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_run(tmp_path_factory.mktemp("runs") / "made")
    return write_report(open_source(run), run / "report.html").path


def go(browser: Browser, report: Path, address: str = "") -> None:
    browser.call("Page.navigate", url="about:blank")
    browser.open(report.as_uri() + (f"#{address}" if address else ""))


def number(browser: Browser, selector: str) -> int:
    found: int = browser.run(f"document.querySelectorAll({selector!r}).length")
    return found


def text(browser: Browser, selector: str = "body") -> str:
    found: str = browser.run(f"document.querySelector({selector!r}).innerText")
    return found


def test_every_chart_and_table_is_drawn_without_a_network(browser: Browser, report: Path) -> None:
    browser.window(1280, 900)
    go(browser, report)
    assert number(browser, "#leaderboard tbody tr") == 2
    assert number(browser, "#leaderboard .whisker polygon, #leaderboard .whisker circle") == 2
    assert number(browser, ".heatmap td.heat button") == 4
    assert number(browser, "#comparisons tbody tr") == 1
    browser.wait("document.querySelectorAll('#profiles polyline').length === 2")
    browser.wait("document.querySelectorAll('#prices .point').length === 2")
    assert number(browser, "#prices path.front") == 1
    browser.wait("document.querySelectorAll('#arrivals path.series').length === 2")
    assert "ZeroDivisionError" in text(browser, "#reasons")
    assert "private-data" in text(browser, "#integrity")
    assert "careful has a mean anchored score of 0.900" in text(browser, "#content .lead")
    assert browser.complaints() == []
    assert {each.split("#")[0] for each in browser.requests()} <= {report.as_uri(), "about:blank"}


def test_agents_are_also_compared_on_each_kind_of_task(browser: Browser, tmp_path: Path) -> None:
    tasks = ("mle/titanic-v0", "mle/wine-v0", "mle/diabetes-v0", "mle/not-known-v0")
    run = make_run(tmp_path / "made", tasks=tasks, recorded=False)
    browser.window(1280, 900)
    go(browser, write_report(open_source(run), tmp_path / "kinds.html").path)
    pairs = "#comparisons tbody td:nth-of-type(6)"
    assert text(browser, pairs) == "11 in 4"
    browser.run("""
        (() => { const box = document.getElementById("comparison-kind"); box.value = "2";
                 box.dispatchEvent(new Event("change")); })()""")
    assert "tabular-regression (1)" in text(browser, "#comparisons")
    assert text(browser, pairs) == "3 in 1"
    assert browser.complaints() == []


def test_an_episode_opens_as_a_story(browser: Browser, report: Path) -> None:
    browser.window(1280, 900)
    go(browser, report)
    browser.run("document.querySelector('#list tbody a').click()")
    browser.wait("document.querySelectorAll('article.step').length === 6")
    assert "its submission scored 0.8100 (accuracy, higher is better)" in text(browser, ".lead")
    browser.wait("document.querySelectorAll('#time rect.t-model').length === 1")
    assert number(browser, "#step-3 .diff .line.plus") == 1
    assert number(browser, "#step-1 .c-word") > 0
    assert "exit 1" in text(browser, "#step-4")
    browser.wait("document.querySelectorAll('#course .point').length === 2")
    assert browser.complaints() == []


def test_the_tree_of_a_search_is_drawn_and_its_attempts_open(
    browser: Browser, tmp_path: Path
) -> None:
    browser.window(1280, 900)
    search = make_search(tmp_path / "search")
    go(browser, write_report(open_source(search), tmp_path / "search.html").path)
    assert number(browser, "#tree g.attempt") == 3
    assert number(browser, "#tree line.branch.best") == 2
    browser.run("document.querySelector('#tree g.attempt').dispatchEvent(new MouseEvent('click'))")
    assert "Attempt 1: draft" in text(browser, "#tree div.attempt")
    assert browser.run("window.owned === undefined")
    assert browser.run(f"{ROWS}") == 3
    assert browser.complaints() == []


def test_an_address_leads_to_a_step_and_back(browser: Browser, report: Path) -> None:
    browser.window(1280, 500)
    go(browser, report, f"episode={EPISODE}&step=4")
    browser.wait("scrollY > 100")
    browser.wait("Math.abs(document.getElementById('step-4').getBoundingClientRect().top) < 120")
    browser.run("document.querySelector('.trail a').click()")
    browser.wait(f"{ROWS} === 12")


def test_filters_search_and_sorting_choose_rows_and_stay_in_the_address(
    browser: Browser, report: Path
) -> None:
    browser.window(1280, 900)
    go(browser, report)
    browser.run("document.querySelector('.heatmap td.heat button').click()")
    browser.wait(f"{ROWS} === 3")
    browser.run("""
        (() => { const box = document.getElementById("filter-agent"); box.value = "";
                 box.dispatchEvent(new Event("change")); })()""")
    browser.wait(f"{ROWS} === 6")
    go(browser, report, "agent=hasty&text=zerodiv")
    browser.wait(f"{ROWS} === 1")
    go(browser, report, "sort=-seed")
    assert text(browser, "#list tbody tr").split("\t")[3] == "2"
    go(browser, report, "text=nothing+at+all")
    browser.wait(f"{ROWS} === 0")


def test_the_keyboard_finds_opens_and_leaves_episodes(browser: Browser, report: Path) -> None:
    browser.window(1280, 900)
    go(browser, report)
    browser.press("/")
    assert browser.run("document.activeElement.id") == "filter-text"
    browser.press("Escape")
    browser.press("j")
    browser.press("j")
    wanted = browser.run("document.activeElement.closest('tr').dataset.id")
    browser.run("document.activeElement.click()")
    browser.wait("document.querySelector('article.step')")
    assert browser.run("new URLSearchParams(location.hash.slice(1)).get('episode')") == wanted
    browser.press("n")
    browser.wait(f"!location.hash.includes({quote(wanted, safe='')!r})")
    browser.wait("document.querySelector('article.step')")
    browser.press("Escape")
    browser.wait(f"{ROWS} === 12")


@pytest.mark.parametrize("address", ["", f"episode={EPISODE}", f"episode={FAILED}"])
def test_hostile_text_is_shown_and_does_nothing(
    browser: Browser, report: Path, address: str
) -> None:
    browser.window(1280, 900)
    go(browser, report, address)
    shown = text(browser)
    assert browser.run("window.owned === undefined")
    assert number(browser, "img, iframe, object, embed, form[action], a[href^='javascript']") == 0
    assert not set(shown) & set("\u202e\u2066\u200b\x1b\x07")
    if address:
        assert "<script>window.owned=1</script>" in shown
        assert "⟨U+202E⟩fdp.exe" in shown
        assert "␛[2J" in shown
        assert max(map(len, shown.split("\n"))) < 3_000
    assert browser.complaints() == []


def test_hostile_text_is_what_the_record_has(report: Path) -> None:
    assert "\\u202e" in ascii(HOSTILE)
    assert "owned" in report.read_text(encoding="utf-8")


def test_the_policy_stops_a_program_that_got_in_all_the_same(
    browser: Browser, report: Path
) -> None:
    go(browser, report)
    browser.run("""
        (() => { const intruder = document.createElement("script");
                 intruder.textContent = "window.owned = 1"; document.body.append(intruder); })()""")
    assert browser.run("window.owned === undefined")
    assert any("Content Security Policy" in each for each in browser.complaints())


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("address", ["", f"episode={EPISODE}", f"episode={FAILED}"])
def test_axe_finds_no_serious_fault(
    browser: Browser, report: Path, address: str, dark: bool
) -> None:
    browser.window(1280, 900, dark=dark)
    go(browser, report, address)
    faults = browser.run(f"""(() => {{ {axe()} }})(), axe.run(document).then(found =>
        found.violations.filter(each => ["serious", "critical"].includes(each.impact))
          .map(each => [each.id, each.nodes.slice(0, 3).map(node => node.html.slice(0, 200))]))""")
    assert faults == []


def axe() -> str:
    found = importlib.util.find_spec("axe_core_python")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [360, 820, 1900])
@pytest.mark.parametrize("address", ["", f"episode={EPISODE}", f"episode={FAILED}"])
def test_no_width_cuts_the_page(browser: Browser, report: Path, width: int, address: str) -> None:
    browser.window(width, 800)
    go(browser, report, address)
    assert browser.run("document.documentElement.scrollWidth") <= width


def test_ten_thousand_episodes_need_few_elements(browser: Browser, tmp_path: Path) -> None:
    overview = open_source(make_run(tmp_path / "made", recorded=False)).overview()
    rows: list[list[Any]] = []
    for seed in range(10_000):
        row = list(overview["episodes"][seed % 12])
        row[FIELDS.index("seed")], row[FIELDS.index("id")] = seed, f"{row[0]}-{seed}"
        rows.append(row)
    data = to_json(overview | {"episodes": rows, "stories": [], "left_out": 0})
    file = tmp_path / "large.html"
    element = f'<script type="application/json" id="overview">{data}</script>'
    file.write_bytes(page("large", [element]).encoded())
    go(browser, file, "sort=-seed&page=3")
    assert number(browser, "#list tbody tr") == 50
    assert number(browser, "*") < 3_000
    assert "10,000 episodes" in text(browser, "#list")
    assert text(browser, "#list tbody tr").split("\t")[3] == "9849"


def test_a_served_run_is_followed_while_it_grows(browser: Browser, tmp_path: Path) -> None:
    files = EvaluationFolder(make_run(tmp_path / "made"))
    episodes = [each for each in files.read_plan().episodes if not files.read_result(each)]
    with ViewServer(tmp_path) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            browser.call("Page.navigate", url="about:blank")
            browser.open(server.url, "document.querySelector('#leaderboard')")
            assert "10 of 12 played" in text(browser, "#bar")
            for each in episodes:
                values = {"agent": each.agent, "task": each.env_id, "status": "graded"}
                result = Result(variant=each.variant, seed=each.seed, **values).graded(SUBMISSION)
                files.write_result(each, result)
            browser.wait("document.querySelector('#bar').innerText.includes('12 of 12 played')")
            browser.run("document.querySelector('#list tbody a').click()")
            browser.wait("document.querySelectorAll('article.step').length === 6")
            assert browser.complaints() == []
            assert all(each.startswith((server.url, "data:")) for each in browser.requests())
        finally:
            server.shutdown()
            thread.join()


def test_another_run_is_chosen_to_be_seen_beside_this_one(browser: Browser, tmp_path: Path) -> None:
    make_run(tmp_path / "monday")
    make_run(tmp_path / "tuesday")
    browser.window(1280, 900)
    with ViewServer(tmp_path) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        browser.open(f"{server.url}#run=monday", "document.getElementById('beside')")
        browser.run("""
            (() => { const box = document.getElementById("beside"); box.value = "tuesday";
                     box.dispatchEvent(new Event("change")); })()""")
        browser.wait("document.querySelectorAll('#leaderboard tbody tr').length === 4")
        assert "careful.tuesday" in text(browser, "#leaderboard")
        browser.run("document.querySelector('#list tbody a').click()")
        browser.wait("document.querySelectorAll('article.step').length === 6")
        assert browser.complaints() == []
        server.shutdown()
