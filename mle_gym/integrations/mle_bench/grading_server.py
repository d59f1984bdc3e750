"""Answers over HTTP whether a submission is valid, as the server in MLE-bench's containers does.

``POST /validate`` with a form whose field ``file`` is the submission gives ``{"result": "Submission
is valid."}``, or a result that begins with ``Submission invalid!`` and says why. ``GET /health``
gives ``{"status": "running"}``. No score is computed or told.

Agents that were written for MLE-bench expect this server on port 5000. It needs no account and
reveals nothing but the format of submissions. Clients may be hostile: uploads are bounded in size,
number and time, and are read by the grader's own parser. So are connections. A client that keeps
sending delays others, but not for ever.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from email.parser import BytesParser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from mle_gym.errors import MleGymError, SubmissionError

if TYPE_CHECKING:
    from mle_gym.grading.graders.grader import Grader

__all__ = ["GradingServer", "file_in_form"]

FORM_BYTES = 2**16
"""What a form may have around the file."""
MOST_PARTS, HEAD_BYTES = 100, 2**12
"""Of a form. The library that reads heads takes quadratic time."""
UPLOADS = 4
"""How many are read at the same time: each is held in memory."""
UPLOAD_SECONDS, BYTES_PER_SECOND = 20.0, 2**17
"""How long an upload may take at least, and more for a larger one: others wait for it."""
CONNECTIONS, CONNECTIONS_EACH = 256, 64
"""How many are open at the same time, and how many of one client: each has a thread."""
HEAD_SECONDS = 30.0
"""How long a connection may be open before the next request's lines are there."""
MOST_DIGITS = 18
CHUNK = 2**20


class GradingServer(ThreadingHTTPServer):
    """A server for one task: ``with GradingServer(grader, most) as server: …``.

    Args:
        grader: The task's.
        most: The bytes that a submission may have.
        host: The address to listen on.
        port: 0 for any that is free.

    Raises:
        OSError: The address can't be had.
    """

    daemon_threads = True

    def __init__(
        self, grader: Grader[bytes], most: int, host: str = "127.0.0.1", port: int = 5000
    ) -> None:
        super().__init__((host, port), _Request)
        self._grader, self.most = grader, most
        self._one_at_a_time = threading.Lock()
        self.uploads = threading.BoundedSemaphore(UPLOADS)
        self._open: Counter[str] = Counter()
        self._expected: dict[socket.socket, float] = {}
        """Connections on which a request has not begun or not come completely, since when."""
        self._counting = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, or hang up if too many are open."""
        client = client_address[0]
        with self._counting:
            taken = self._open.total() < CONNECTIONS and self._open[client] < CONNECTIONS_EACH
            self._open[client] += taken
        if taken:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, in a thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._counting:
                self._open -= Counter([client_address[0]])
                self._expected.pop(request, None)

    def expect(self, connection: socket.socket, *, arrived: bool) -> None:
        """Note that the next request should come soon, or that its lines have come."""
        with self._counting:
            if arrived:
                self._expected.pop(connection, None)
            else:
                self._expected[connection] = time.monotonic()

    def service_actions(self) -> None:
        """Hang up on clients that have been slow to ask. It is called twice a second."""
        with self._counting:
            for connection, since in self._expected.items():
                if time.monotonic() - since > HEAD_SECONDS:
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)

    def verdict(self, content: bytes) -> str:
        """The result for a submission, in MLE-bench's form."""
        with self._one_at_a_time:  # graders keep what they parsed and are not made for threads
            found = self._grader.validate(content)
        return "Submission is valid." if found.valid else f"Submission invalid! {found.message}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Request(BaseHTTPRequestHandler):
    """One request."""

    server: GradingServer
    timeout = 30
    protocol_version = "HTTP/1.1"
    server_version = "mle-gym"
    sys_version = ""

    def handle_one_request(self) -> None:
        """Wait for a request and answer it."""
        self.server.expect(self.connection, arrived=False)
        super().handle_one_request()

    def parse_request(self) -> bool:
        """Read the lines of a request."""
        try:
            return super().parse_request()
        finally:
            self.server.expect(self.connection, arrived=True)

    def do_GET(self) -> None:
        """Say that the server lives."""
        if self._path == "/health":
            self._send(HTTPStatus.OK, {"status": "running"})
        else:
            self._send(HTTPStatus.NOT_FOUND, {"error": "there are POST /validate and GET /health"})

    def do_POST(self) -> None:
        """Validate a submission."""
        if self._path != "/validate":
            self.close_connection = True  # nobody reads its content
            self._send(HTTPStatus.NOT_FOUND, {"error": "there are POST /validate and GET /health"})
            return
        with self.server.uploads:
            try:
                content = file_in_form(self.headers.get("Content-Type", ""), self._content())
                self._send(HTTPStatus.OK, {"result": self.server.verdict(content)})
            except SubmissionError as error:
                self.close_connection = True
                self._send(HTTPStatus.BAD_REQUEST, {"error": str(error)})
            except MleGymError as error:
                self._fail(str(error))
            except ConnectionError:
                raise
            except Exception as error:  # of which the client learns the kind alone
                self._fail(type(error).__name__)

    @property
    def _path(self) -> str:
        return self.path.partition("?")[0].rstrip("/")

    def _content(self) -> bytes:
        """The request's content.

        Raises:
            SubmissionError: It is too large, too slow, or of unknown length.
        """
        length, most = self.headers.get("Content-Length", ""), self.server.most + FORM_BYTES
        if not length.isascii() or not length.isdigit() or len(length) > MOST_DIGITS:
            raise SubmissionError("no_length", "the request must have a Content-Length")
        if int(length) > most:
            message = f"a submission may have {self.server.most:,} bytes, and this has {length}"
            raise SubmissionError("too_large", message)
        seconds = max(UPLOAD_SECONDS, int(length) / BYTES_PER_SECOND)
        end, parts, left = time.monotonic() + seconds, [], int(length)
        while left:
            part = self.rfile.read1(min(left, CHUNK))  # what has come, however little
            if not part or time.monotonic() > end:
                raise SubmissionError("cut_off", "the request ended before its content did")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _fail(self, details: str) -> None:
        """Report a fault of the machinery, which is no verdict on the submission."""
        answer = {"error": "The submission could not be checked.", "details": details}
        self._send(HTTPStatus.INTERNAL_SERVER_ERROR, answer)

    def _send(self, status: HTTPStatus, answer: dict[str, str]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *values: Any) -> None:
        """Nothing is logged."""


def file_in_form(content_type: str, form: bytes) -> bytes:
    """The content of the field ``file`` of a form (``multipart/form-data``, RFC 7578).

    Raises:
        SubmissionError: It is no such form, or has no such field.
    """
    kind = BytesParser().parsebytes(f"Content-Type: {content_type[:HEAD_BYTES]}\n\n".encode())
    boundary = kind.get_boundary()
    if (
        len(content_type) > HEAD_BYTES
        or kind.get_content_type() != "multipart/form-data"
        or not boundary
    ):
        raise SubmissionError("no_form", "expected a form: curl -F file=@submission.csv …")
    line = b"\r\n--" + boundary.encode()
    for part in (b"\r\n" + form).split(line, MOST_PARTS)[1:]:
        head, blank, content = part.partition(b"\r\n\r\n")
        if len(head) > HEAD_BYTES:
            raise SubmissionError("no_form", "a part of the form has too long a head")
        field = BytesParser().parsebytes(head.lstrip() + b"\n\n")
        if blank and field.get_param("name", header="Content-Disposition") == "file":
            return content
    raise SubmissionError("no_file", "the form has no field 'file': curl -F file=@submission.csv …")
