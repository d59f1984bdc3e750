from __future__ import annotations

import base64
import gzip
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mle_gym.errors import PlanError
from mle_gym.report.overview import FIELDS
from mle_gym.report.page import SCRIPTS
from mle_gym.report.shortening import LONGEST_LINE, plain, shorten
from mle_gym.report.sources import open_source
from mle_gym.report.story import story_of
from mle_gym.report.write_report import Report, write_report
from mle_gym.trajectories.trajectory import Step, Trajectory
from tests.report.made_run import HOSTILE, SUBMISSION, make_run, write_record


class Elements(HTMLParser):
    """The scripts of a page and what is in them, as a browser's parser separates them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.scripts: dict[str, str] = {}
        self._open: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "script":
            self._open = dict(attrs).get("id") or "program"
            self.scripts[self._open] = ""

    def handle_endtag(self, tag: str) -> None:
        self._open = None if tag == "script" else self._open

    def handle_data(self, data: str) -> None:
        if self._open:
            self.scripts[self._open] += data

    @property
    def overview(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.scripts["overview"])
        return found

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [dict(zip(FIELDS, row, strict=True)) for row in self.overview["episodes"]]

    def story(self, row: int) -> dict[str, Any]:
        packed = base64.b64decode(self.scripts[f"story-{row}"])
        found: dict[str, Any] = json.loads(gzip.decompress(packed))
        return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "made")


@pytest.fixture(scope="module")
def written(run: Path) -> tuple[Report, Elements]:
    report = write_report(open_source(run), run / "report.html")
    return report, Elements(report.path.read_text(encoding="utf-8"))


def test_a_report_has_every_planned_episode_and_the_figures_of_the_summary(
    written: tuple[Report, Elements],
) -> None:
    report, found = written
    outcomes = [each["outcome"] for each in found.rows]
    assert (report.episodes, len(outcomes)) == (12, 12)
    assert sorted(set(outcomes)) == ["agent_failed", "running", "valid"]
    assert [each["agent"] for each in found.overview["summary"]["agents"]] == ["careful", "hasty"]
    assert len(found.overview["summary"]["cells"]) == 4
    assert report.stories == 12
    assert report.left_out == 0


def test_a_story_has_times_code_changes_and_scores_of_each_step(
    written: tuple[Report, Elements],
) -> None:
    _, found = written
    row = next(at for at, each in enumerate(found.rows) if each["outcome"] == "valid")
    look, create, edit, run, score, submit = found.story(row)["steps"]
    assert (look["tool"], look["language"], look["times"]["model"]) == ("bash", "bash", 2.0)
    assert (look["begin"], look["end"], look["times"]["commands"]) == (0.0, 3.0, 0.5)
    assert create["files"][0]["new"]
    assert create["files"][0]["added"] == 3
    assert edit["files"][0]["diff"].splitlines()[1:] == [
        " import os",
        "-x = 1",
        "+x = 2",
        " print(x)",
    ]
    assert run["exit_code"] == 1
    assert score["public_score"] == 0.79
    assert submit["validation"]["valid"]
    assert found.story(row)["grade"]["score"] == SUBMISSION["score"]


def test_nothing_that_an_agent_wrote_becomes_an_element_or_ends_its_own(
    written: tuple[Report, Elements],
) -> None:
    report, found = written
    allowed = {"html", "head", "meta", "title", "link", "style", "body", "a", "header", "main", "p"}
    assert set(found.tags) <= allowed | {"noscript", "footer", "script"}
    assert len(found.scripts) == 2 + report.stories
    assert any(HOSTILE[:40] in (each["message"] or "") for each in found.rows)
    text = report.path.read_text(encoding="utf-8")
    assert "window.owned=1</script>" not in text


def test_the_policy_allows_the_pages_own_program_and_nothing_else(
    written: tuple[Report, Elements],
) -> None:
    report, _ = written
    text = report.path.read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert "default-src &#x27;none&#x27;" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?://(?!www\.w3\.org)", re.sub(r"story-\d+.*", "", text))


def test_a_line_of_ten_megabytes_is_cut_and_says_so(written: tuple[Report, Elements]) -> None:
    report, found = written
    output = found.story(0)["steps"][3]["output"]
    assert "9,980,001 characters left out" in output
    assert max(map(len, output.split("\n"))) < LONGEST_LINE + 60
    assert report.bytes < 400_000


def test_failures_come_first_where_there_is_no_room_for_all_stories(
    run: Path, tmp_path: Path
) -> None:
    report = write_report(open_source(run), tmp_path / "small.html", most_mb=0.004)
    found = Elements(report.path.read_text(encoding="utf-8"))
    assert 0 < report.stories < 11
    assert report.left_out == 12 - report.stories == found.overview["left_out"]
    failed = next(at for at, each in enumerate(found.rows) if each["outcome"] == "agent_failed")
    assert failed in found.overview["stories"]


def test_records_without_an_evaluation_are_shown_as_a_list(tmp_path: Path) -> None:
    write_record(tmp_path / "one.jsonl", "careful")
    (tmp_path / "other.jsonl").write_text('{"no": "trajectory"}\n')
    found = Elements(write_report(open_source(tmp_path), tmp_path / "r.html").path.read_text())
    assert [each["outcome"] for each in found.rows] == ["valid"]
    assert found.overview["summary"] is None
    assert found.story(0)["steps"][0]["n"] == 1


def test_a_folder_with_nothing_to_show_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="expected the folder of an evaluation"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"execution": {', '"execution": 1, "other": {'),
        ('"exit_code": 1', '"exit_code": 1' + "0" * 400),
        ('"score_ci": [', '"score_ci": true, "other": ['),
        ('"validation": {', '"validation": [1], "other": {'),
    ],
)
def test_a_record_with_wrong_types_takes_no_other_records_page(
    tmp_path: Path, old: str, new: str
) -> None:
    for name in ("good", "bad"):
        write_record(tmp_path / f"{name}.jsonl", name)
    text = (tmp_path / "bad.jsonl").read_text()
    assert old in text
    (tmp_path / "bad.jsonl").write_text(text.replace(old, new))
    report = write_report(open_source(tmp_path), tmp_path / "report.html")
    found = Elements(report.path.read_text(encoding="utf-8"))
    stories = [number for number, row in enumerate(found.rows) if row["agent"] == "good"]
    assert found.story(stories[0])["steps"]


def test_a_report_in_a_folder_of_others_follows_no_link(tmp_path: Path) -> None:
    precious, run = tmp_path / "precious", make_run(tmp_path / "run", seeds=1, recorded=False)
    precious.write_text("precious")
    for name in ("report.html", ".report.html.new", f".report.html.{os.getpid()}"):
        (run / name).symlink_to(precious)
    report = write_report(open_source(run), run / "report.html")
    assert report.path.stat().st_size == report.bytes
    assert precious.read_text() == "precious"


def test_a_plan_that_names_places_outside_its_folder_is_refused(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "runs" / "made", tasks=("mle/titanic-v0", "mle/wine-v0"))
    plan = (folder / "plan.json").read_text()
    (folder / "plan.json").write_text(plan.replace("mle/titanic-v0", "mle/../../../out"))
    with pytest.raises(PlanError, match="expected the id of a task"):
        open_source(folder).overview()


def test_an_evaluation_with_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "made")
    episodes = folder / "episodes" / "titanic-v0"
    episodes.rename(tmp_path / "outside")
    episodes.symlink_to(tmp_path / "outside")
    with pytest.raises(PermissionError, match="leads out of"):
        open_source(folder).overview()


def test_a_record_behind_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "made")
    source = open_source(folder)
    row = dict(zip(FIELDS, source.overview()["episodes"][0], strict=True))
    record = folder / "episodes" / f"{row['id']}.jsonl"
    record.rename(tmp_path / "outside.jsonl")
    record.symlink_to(tmp_path / "outside.jsonl")
    with pytest.raises(PermissionError, match="leads out of"):
        source.story(row["id"])


def test_every_value_becomes_json() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    for value in (
        float("nan"),
        float("inf"),
        10**9000,
        {"a": [float("-inf")]},
        deep,
        b"x",
        "\ud800",
    ):
        json.loads(json.dumps(plain(value), allow_nan=False))


def test_a_text_keeps_its_head_and_its_tail() -> None:
    found = shorten("begin" + "x\n" * 50_000 + "end")
    assert found.startswith("begin")
    assert found.endswith("end")
    assert "left out" in found


def test_a_long_episode_has_a_story_of_bounded_size() -> None:
    observation = {"output": "y" * 30_000, "exit_code": 0}
    steps = tuple(
        Step({"tool": "write_file", "path": "a.py", "content": f"x = {number}\n"}, observation,
             0.0, False, False, {}, float(number))
        for number in range(1_500)
    )  # fmt: skip
    story = story_of(Trajectory({"agent": "a"}, steps))
    assert (len(story["steps"]), story["left_out"]) == (1_000, 500)
    assert len(json.dumps(story)) < 6_000_000
    assert story["steps"][1]["files"][0]["removed"] == 1
    assert story["steps"][-1]["files"][0]["new"]


def test_every_asset_is_a_part_of_the_program() -> None:
    assets = Path(__file__).parents[2] / "mle_gym" / "report" / "assets"
    assert {path.name for path in assets.glob("*.js")} == set(SCRIPTS)


def test_two_evaluations_are_one_page_on_what_both_planned(tmp_path: Path) -> None:
    tasks = ("mle/titanic-v0", "mle/wine-v0")
    monday = make_run(tmp_path / "monday", tasks=tasks)
    tuesday = make_run(tmp_path / "tuesday", tasks=("mle/zoo-v0", "mle/wine-v0"), seeds=2)
    source = open_source(monday, tuesday)
    overview = source.overview()
    agents = ["careful.monday", "hasty.monday", "careful.tuesday", "hasty.tuesday"]
    assert overview["name"] == "monday and tuesday"
    assert overview["agents"] == agents
    assert overview["tasks"] == ["mle/wine-v0"]
    assert overview["seeds"] == 2
    assert len(overview["episodes"]) == 8
    again = [each for each in overview["summary"]["comparisons"] if each["first"] == agents[0]]
    assert {each["second"]: each["pairs"] for each in again}["careful.tuesday"] == 2
    story = source.story("wine-v0/careful.tuesday/variant0-seed0")
    assert story == open_source(tuesday).story("wine-v0/careful/variant0-seed0")


def test_two_runs_of_one_name_are_numbered(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / each / "eval", agents=("b.py",)) for each in ("one", "two")]
    assert open_source(*runs).overview()["agents"] == ["b.py.1", "b.py.2"]


def test_evaluations_with_nothing_in_common_are_refused(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / each, tasks=(f"mle/{each}-v0",)) for each in ("zoo", "wine")]
    with pytest.raises(PlanError, match="no task in common"):
        open_source(*runs).overview()
    write_record(tmp_path / "records" / "one.jsonl", "careful")
    with pytest.raises(PlanError, match="only evaluations"):
        open_source(runs[0], tmp_path / "records")
