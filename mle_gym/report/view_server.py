"""Serves a folder of runs to a browser on this machine, while the runs grow.

It is safe against other web pages in the same browser, which can reach servers on this machine
too: it answers only to its own name (a page can make a name of its own lead here: DNS rebinding),
lets no other page read or frame anything, and has nothing that can be changed. It reads what
:mod:`mle_gym.report.found_runs` found, and no path that a request names. It is not safe against
other users of this machine, who can read what it shows.
"""

from __future__ import annotations

import gzip
import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from mle_gym.errors import MleGymError
from mle_gym.report.found_runs import REST, FoundRuns
from mle_gym.report.page import page
from mle_gym.report.shortening import to_json

__all__ = ["ViewServer"]

LOOPBACK = "127.0.0.1"
MOST_FIELDS = 10
"""In an address. The page's own requests have two."""
OURS = ("same-origin", "none")
"""What a browser says of requests by this page, and of addresses that its user typed."""
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class ViewServer(ThreadingHTTPServer):
    """A server on the loopback interface: ``with ViewServer(folder) as server: …``.

    Args:
        folder: Where the runs are, or a run itself.
        port: 0 for any that is free.
        rest: See :class:`~mle_gym.report.found_runs.FoundRuns`.

    Raises:
        OSError: The port is taken.
    """

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0, rest: float = REST) -> None:
        super().__init__((LOOPBACK, port), _Request)
        self.runs = FoundRuns(folder, rest)
        self.names = {f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost")}
        """What a request may call this server."""
        made = page("mle-gym", [], connect=True)
        self.page, self.policy = made.encoded(), f"{made.policy}; frame-ancestors 'none'"

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no news."""


class _Request(BaseHTTPRequestHandler):
    """One request."""

    server: ViewServer
    timeout = 30
    protocol_version = "HTTP/1.1"
    server_version = "mle-gym"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer, if the request comes from our own page or from the user."""
        path = self.path.partition("?")[0]
        if self.headers.get("Host") not in self.server.names:
            self._problem(HTTPStatus.MISDIRECTED_REQUEST, "this server has another name")
        elif path == "/":
            self._send(HTTPStatus.OK, self.server.page, "text/html; charset=utf-8")
        elif self.headers.get("Sec-Fetch-Site", "none") not in OURS:
            self._problem(HTTPStatus.FORBIDDEN, "this is not for other pages")
        else:
            self._answer(path)

    do_HEAD = do_GET

    def _refuse(self) -> None:
        self.close_connection = True
        message = "there is nothing to change here; only GET and HEAD are answered"
        self._problem(HTTPStatus.METHOD_NOT_ALLOWED, message)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = _refuse

    def _answer(self, path: str) -> None:
        try:
            found = self._found(path, self._given())
        except KeyError:
            self._problem(HTTPStatus.NOT_FOUND, "there is nothing of that name")
        except (MleGymError, OSError) as error:
            self._problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        else:
            self._send(HTTPStatus.OK, to_json(found).encode(), "application/json")

    def _given(self) -> dict[str, str]:
        """What the address says after the question mark."""
        try:
            return dict(parse_qsl(self.path.partition("?")[2], max_num_fields=MOST_FIELDS))
        except ValueError:
            raise KeyError(self.path) from None

    def _found(self, path: str, given: dict[str, str]) -> dict[str, Any]:
        runs = self.server.runs
        if path == "/api/runs":
            return {"runs": runs.listing()}
        run, beside = given.get("run", ""), given.get("beside", "")
        if path == "/api/run":
            overview = runs.overview(run, beside)
            known = given.get("version") == overview["version"]
            return {"version": overview["version"]} if known else overview
        if path == "/api/story":
            return runs.story(run, given.get("episode", ""), beside)
        raise KeyError(path)

    def _problem(self, status: HTTPStatus, message: str) -> None:
        self._send(status, json.dumps({"error": message}).encode(), "application/json")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        headers = SECURITY | {"Content-Type": kind, "Content-Security-Policy": self.server.policy}
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET, HEAD"
        if len(content) > 2_000 and "gzip" in self.headers.get("Accept-Encoding", ""):
            content = gzip.compress(content, compresslevel=3)
            headers["Content-Encoding"] = "gzip"
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *values: Any) -> None:
        """Nothing is logged."""
