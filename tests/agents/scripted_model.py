"""A server of chat completions that plays a script, as strict with requests as a real one.

    python -m tests.agents.scripted_model COMMAND...

runs a command for which the variables of agents name such a server, which plays a model that hands
in the sample submission of any task.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.agents.strict_requests import malformed


@dataclass(frozen=True)
class Failing:
    """A reply that is an error, or that breaks off."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


EMPTY: Mapping[str, str] = {}


@dataclass(frozen=True)
class Stalling:
    """No reply for so many seconds, and then the connection ends."""

    seconds: float = 20.0
    until: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Pieces:
    """A reply as the pieces of a stream, each as it is sent."""

    data: tuple[str, ...]
    pause: float = 0.0
    """Seconds before each piece."""

    @classmethod
    def of(cls, reply: dict[str, Any], usage: bool = True, done: bool = True) -> Pieces:
        """The whole stream: text and arguments come in parts of a few characters."""
        choice = reply["choices"][0]
        deltas = list(deltas_of(choice["message"]))
        shared = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
        last = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
        bodies = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas] + [
            [last]
        ]
        chunks = [shared | {"choices": choices, "usage": None} for choices in bodies]
        if usage:
            chunks.append(shared | {"choices": [], "usage": reply.get("usage")})
        return cls((*map(json.dumps, chunks), *(["[DONE]"] if done else [])))

    def cut(self, after: int) -> Pieces:
        """Only the first of them, without an end."""
        return Pieces(self.data[:after], self.pause)


def deltas_of(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pieces of a message."""
    yield {"role": "assistant", "content": ""}
    for name in ("content", "refusal"):
        text = message.get(name) or ""
        for at in range(0, len(text), 7):
            yield {name: text[at : at + 7]}
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        opening = {"name": function["name"], "arguments": ""}
        yield {"tool_calls": [{**call, "index": index, "function": opening}]}
        for at in range(0, len(function["arguments"]), 7):
            part = {"arguments": function["arguments"][at : at + 7]}
            yield {"tool_calls": [{"index": index, "function": part}]}


@dataclass(frozen=True)
class Always:
    """Answers all further requests by a function of the request."""

    answer: Callable[[dict[str, Any]], Any]


def says(text: str | None = None, *calls: tuple[str, Any], **fields: Any) -> dict[str, Any]:
    """A reply with text and calls of tools; arguments that are text are sent as they are."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"c{number}",
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": given if isinstance(given, str) else json.dumps(given),
                },
            }
            for number, (name, given) in enumerate(calls)
        ]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    reply = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [choice | {k: v for k, v in fields.items() if k == "finish_reason"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }
    return reply | {k: v for k, v in fields.items() if k != "finish_reason"}


OVERFLOW = Failing(
    400, {"error": {"message": "maximum context length", "code": "context_length_exceeded"}}
)


class ScriptedModel:
    """What the server plays, and the requests that it saw."""

    def __init__(self, script: Sequence[Any]) -> None:
        self._script = list(script)
        self.requests: list[dict[str, Any]] = []
        self.url = ""

    def reply(self, request: dict[str, Any]) -> Any:
        problem = malformed(request)
        if problem:
            return Failing(400, {"error": {"message": problem, "code": "invalid_request_error"}})
        self.requests.append(request)
        if not self._script:
            return Failing(400, {"error": {"message": "over"}})
        if isinstance(self._script[0], Always):
            return self._script[0].answer(request)
        return self._script.pop(0)

    def last(self) -> list[dict[str, Any]]:
        """The messages of the last request."""
        return list(self.requests[-1]["messages"])


@contextmanager
def serving(*script: Any) -> Iterator[ScriptedModel]:
    """Serve a script at ``model.url``."""
    model = ScriptedModel(script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            request = json.loads(self.rfile.read(length))
            if not self.headers.get("authorization", "").startswith("Bearer "):
                self._send(401, b"{}")
                return
            reply = model.reply(request)
            if isinstance(reply, Stalling):
                reply.until.wait(reply.seconds)
                self.close_connection = True
            elif isinstance(reply, Failing):
                self._fail(reply)
            elif request.get("stream"):
                usage = bool(request.get("stream_options", {}).get("include_usage"))
                self._stream(reply if isinstance(reply, Pieces) else Pieces.of(reply, usage))
            else:
                self._send(200, json.dumps(reply).encode())

        def _fail(self, reply: Failing) -> None:
            if reply.status == 0:  # the connection breaks
                self.close_connection = True
                return
            body = reply.body
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self._send(reply.status, content, reply.headers)

        def _send(self, status: int, content: bytes, headers: Mapping[str, str] = EMPTY) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _stream(self, pieces: Pieces) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            with contextlib.suppress(OSError):  # the client may be gone
                for piece in pieces.data:
                    if pieces.pause:
                        time.sleep(pieces.pause)
                    self.wfile.write(f"data: {piece}\n\n".encode())
                    self.wfile.flush()
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    model.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()


COPY = "cp data/sample_submission.csv submission.csv"
PROGRAM = f"""I copy the sample.

```python
import os

os.system("{COPY}")
print("validation: 0.5")
```"""


def hands_in_the_sample(request: dict[str, Any]) -> dict[str, Any]:
    """The reply of a model that does so in whichever form it is asked for."""
    messages = request["messages"]
    if "validation: NUMBER" in messages[-1]["content"]:
        return says(PROGRAM)
    begun = any(message["role"] == "assistant" for message in messages)
    if "tools" in request:
        offered = [tool["function"]["name"] for tool in request["tools"]]
        submit = ("submit", {}) if "submit" in offered else ("bash", {"command": "submit"})
        return says(None, submit if begun else ("bash", {"command": COPY}))
    return says(f"```bash\n{'submit' if begun else COPY}\n```")


if __name__ == "__main__":
    with serving(Always(hands_in_the_sample)) as scripted:
        variables = {"OPENAI_BASE_URL": scripted.url, "MLE_GYM_MODEL": "scripted"}
        sys.exit(subprocess.call(sys.argv[1:], env=os.environ | variables))
