"""A server of chat completions that plays a script, as strict with requests as a real one.

    python -m tests.agents.scripted_model COMMAND...

runs a command for which the variables of agents name such a server, which plays a model that hands
in the sample submission of any task.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FIELDS = {"model", "messages", "tools", "temperature", "max_tokens", "seed"}


@dataclass(frozen=True)
class Failing:
    """A reply that is an error, or that breaks off."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


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

    def reply(self, request: dict[str, Any]) -> Failing | dict[str, Any]:
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


def malformed(request: dict[str, Any]) -> str:
    """Why a real server would refuse a request; empty if it would not."""
    if request.keys() - FIELDS:
        return f"unknown fields: {request.keys() - FIELDS}"
    open_calls: set[str] = set()
    for message in request["messages"]:
        role = message["role"]
        if role == "tool":
            if message["tool_call_id"] not in open_calls:
                return "a tool message answers no call"
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            return f"calls without answers: {open_calls}"
        if role != "assistant" and not isinstance(message["content"], str):
            return "content is no text"
        for call in message.get("tool_calls", ()):
            try:
                json.loads(call["function"]["arguments"])
            except ValueError:
                return "arguments are no JSON"
            if call["id"] in open_calls:
                return "two calls have one id"
            open_calls.add(call["id"])
    return f"calls without answers: {open_calls}" if open_calls else ""


@contextmanager
def serving(*script: Any) -> Iterator[ScriptedModel]:
    """Serve a script at ``model.url``."""
    model = ScriptedModel(script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            reply = model.reply(json.loads(self.rfile.read(length)))
            status, headers = 200, {}
            if isinstance(reply, Failing):
                status, headers, reply = reply.status, reply.headers, reply.body
            if status == 0:  # the connection breaks
                self.close_connection = True
                return
            content = reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

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
        return says(None, ("submit", {}) if begun else ("bash", {"command": COPY}))
    return says(f"```bash\n{'submit' if begun else COPY}\n```")


if __name__ == "__main__":
    with serving(Always(hands_in_the_sample)) as scripted:
        variables = {"OPENAI_BASE_URL": scripted.url, "MLE_GYM_MODEL": "scripted"}
        sys.exit(subprocess.call(sys.argv[1:], env=os.environ | variables))
