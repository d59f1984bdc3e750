from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from mle_gym.evaluation.evaluation_folder import EvaluationFolder
from mle_gym.report.overview import FIELDS
from mle_gym.report.view_server import ViewServer
from tests.report.made_run import make_run, write_record


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ViewServer]:
    folder = tmp_path_factory.mktemp("served")
    root = folder / "runs"
    make_run(root / "deep" / "made")
    write_record(root / "loose" / "one.jsonl", "careful")
    write_record(folder / "outside" / "secret.jsonl", "careful")
    (root / "link").symlink_to(folder / "outside")
    (root / "loose" / "linked.jsonl").symlink_to(folder / "outside" / "secret.jsonl")
    with ViewServer(root) as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def ask(
    server: ViewServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, Any, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=sent)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    is_json = answer.headers["Content-Type"] == "application/json"
    return answer.status, json.loads(content) if is_json and content else content, answer


def query(path: str, **values: str) -> str:
    return f"{path}?{urlencode(values)}"


def test_runs_below_the_folder_are_listed_and_links_are_not_followed(server: ViewServer) -> None:
    status, found, _ = ask(server, "/api/runs")
    assert status == 200
    assert {each["path"]: each["kind"] for each in found["runs"]} == {
        "deep/made": "evaluation",
        "loose": "recorded episodes",
    }
    _, loose, _ = ask(server, query("/api/run", run="loose"))
    assert [row[FIELDS.index("id")] for row in loose["episodes"]] == ["one.jsonl"]


def test_a_story_is_made_when_it_is_asked_for(server: ViewServer) -> None:
    _, run, _ = ask(server, query("/api/run", run="deep/made"))
    episode = run["episodes"][0][FIELDS.index("id")]
    status, story, _ = ask(server, query("/api/story", run="deep/made", episode=episode))
    assert (status, len(story["steps"])) == (200, 6)


@pytest.mark.parametrize(
    "path",
    ["http://[::1", "/api/run?" + "&".join(f"f{n}=1" for n in range(99)), "/api/run?run=%ff%00"],
)
def test_an_address_that_leads_nowhere_is_answered(server: ViewServer, path: str) -> None:
    sent = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as line:
        line.sendall(sent.encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 404 ")


def test_a_page_that_is_up_to_date_gets_the_version_alone(server: ViewServer) -> None:
    _, run, _ = ask(server, query("/api/run", run="deep/made"))
    _, again, _ = ask(server, query("/api/run", run="deep/made", version=run["version"]))
    assert again == {"version": run["version"]}


def test_a_new_result_shows(tmp_path: Path) -> None:
    folder = EvaluationFolder(make_run(tmp_path / "made"))
    with ViewServer(tmp_path, rest=0) as server:
        before = server.runs.overview("made")
        episode = next(each for each in folder.read_plan().episodes if not each.seed)
        folder.result_path(episode).unlink()
        after = server.runs.overview("made")
        assert before["version"] != after["version"]
        assert "running" in {row[FIELDS.index("outcome")] for row in after["episodes"]}


@pytest.mark.parametrize(
    ("run", "episode"),
    [
        ("..", "x"),
        ("../outside", "secret.jsonl"),
        ("link", "secret.jsonl"),
        ("/etc", "passwd"),
        ("loose", "../../outside/secret.jsonl"),
        ("loose", "linked.jsonl"),
        ("deep/made", "../../../outside/secret"),
        ("loose\0", "one.jsonl"),
    ],
)
def test_nothing_outside_the_folder_is_read(server: ViewServer, run: str, episode: str) -> None:
    status, _, _ = ask(server, query("/api/story", run=run, episode=episode))
    assert status == 404


@pytest.mark.parametrize("path", ["/etc/passwd", "/../runs", "//evil", "/api", "/plan.json", "*"])
def test_paths_lead_to_no_files(server: ViewServer, path: str) -> None:
    assert ask(server, path)[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil", ""])
def test_other_names_are_refused(server: ViewServer, host: str) -> None:
    assert ask(server, "/", Host=host)[0] == 421
    assert ask(server, "/api/runs", Host=host)[0] == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(server: ViewServer, method: str) -> None:
    status, _, answer = ask(server, "/api/runs", method)
    assert (status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_other_pages_get_nothing(server: ViewServer) -> None:
    assert ask(server, "/api/runs", Sec_Fetch_Site="cross-site")[0] == 403
    assert ask(server, "/api/runs", Sec_Fetch_Site="same-site")[0] == 403
    _, _, answer = ask(server, "/api/runs", Sec_Fetch_Site="same-origin")
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] is None
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_page_comes_with_its_policy(server: ViewServer) -> None:
    status, content, answer = ask(server, "/")
    policy = answer.headers["Content-Security-Policy"]
    assert status == 200
    assert b"<!doctype html>" in content
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_head_has_no_body(server: ViewServer) -> None:
    status, content, answer = ask(server, "/", "HEAD")
    assert (status, content) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 10_000


def test_only_this_machine_can_connect(server: ViewServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_damaged_run_says_so(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{")
    with ViewServer(tmp_path) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        status, found, _ = ask(server, query("/api/run", run="."))
        server.shutdown()
        thread.join()
    assert status == 422
    assert "plan.json" in found["error"]


@pytest.mark.slow("a process of its own imports everything")
def test_the_command_serves_until_ctrl_c(tmp_path: Path) -> None:
    make_run(tmp_path / "made")
    command = [sys.executable, "-m", "mle_gym", "view", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        (port,) = re.findall(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
        connection.request("GET", query("/api/run", run="made"))
        assert len(json.loads(connection.getresponse().read())["episodes"]) == 12
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
