"""The part of Kaggle that its client uses: the API, and the storage that it redirects to."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SERVICE = "/api/v1/competitions.CompetitionApiService"
RULES = "You must accept this competition's rules before you'll be able to download files."


@dataclass
class Competition:
    """The server's data of one competition, and how it misbehaves."""

    content: bytes = b""
    accepted: bool = True
    """Whether the user has accepted the rules."""
    tag: str = "1"
    cuts: list[int] = field(default_factory=list)
    """After how many bytes each of the next answers of the storage ends, without a word."""
    md5: str | None = None
    """The MD5 that the storage reports; by default the right one."""
    redirect: bool = True
    """Whether the API sends the client to the storage, or the data itself."""
    scores: list[str] = field(default_factory=list)
    failure: int = 0
    """The status of every answer."""


@dataclass
class Kaggle:
    """A running server."""

    competitions: dict[str, Competition] = field(default_factory=dict)
    port: int = 0
    token: str = "secret"
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Path and range of each request."""

    def ranges(self) -> list[str]:
        """The ranges that were requested from the storage."""
        return [span for path, span in self.requests if path.startswith("/storage")]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kaggle: Kaggle

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.kaggle.requests.append((self.path, ""))
        competition = self.kaggle.competitions.get(body.get("competitionName", ""))
        if self.headers.get("Authorization") != f"Bearer {self.kaggle.token}":
            self.refuse(401, "Unauthenticated")
        elif competition is None:
            self.refuse(404, "Not found")
        elif competition.failure:
            self.refuse(competition.failure, "Something went wrong")
        elif self.path == f"{SERVICE}/GetLeaderboard":
            self.leaderboard(competition, body)
        elif not competition.accepted:
            self.refuse(403, RULES)
        elif not competition.redirect:
            self.storage(competition)
        else:
            self.send_response(302)
            self.send_header("Location", f"/storage/{body['competitionName']}?signature=x")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_GET(self) -> None:
        self.kaggle.requests.append((self.path, self.headers.get("Range", "")))
        if "Authorization" in self.headers and "Range" in self.headers:
            self.refuse(400, "signed addresses take no credentials")
            return
        self.storage(self.kaggle.competitions[self.path.split("/")[2].split("?")[0]])

    def refuse(self, status: int, message: str) -> None:
        self.reply(status, json.dumps({"code": status, "message": message}).encode())

    def reply(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def leaderboard(self, competition: Competition, body: dict[str, Any]) -> None:
        start = int(body.get("pageToken") or 0)
        end = start + 2
        teams = [{"teamId": 1, "teamName": "x", "score": s} for s in competition.scores[start:end]]
        token = str(end) if end < len(competition.scores) else ""
        self.reply(200, json.dumps({"submissions": teams, "nextPageToken": token}).encode())

    def storage(self, competition: Competition) -> None:
        content, tag, start = competition.content, f'"{competition.tag}"', 0
        if self.headers.get("If-Range") == tag:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", tag)
        md5 = competition.md5 or base64.b64encode(digest).decode()
        self.send_header("x-goog-hash", f"crc32c=AAAAAA==,md5={md5}")
        self.end_headers()
        if competition.cuts and self.command == "GET":
            self.wfile.write(content[start : start + competition.cuts.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(content[start:])


@contextmanager
def running() -> Iterator[Kaggle]:
    """A server on a free port."""
    kaggle = Kaggle()
    handler = type("OwnHandler", (Handler,), {"kaggle": kaggle})
    server = ThreadingHTTPServer(("localhost", 0), handler)
    kaggle.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kaggle
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
