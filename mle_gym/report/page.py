"""One HTML page from the files in ``assets``, with a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

__all__ = ["SCRIPTS", "Page", "page"]

SCRIPTS = (
    "dom.js", "charts.js", "overview.js", "tree.js", "board.js", "episodes.js", "code.js",
    "story.js", "page.js",
)  # fmt: skip
"""The parts of the page's one program, in the order in which they are put together."""


@dataclass(frozen=True)
class Page:
    """A page and the policy that it needs."""

    parts: Sequence[str]
    """The text, in order."""
    policy: str
    """The content security policy, which the page also states itself."""

    def encoded(self) -> bytes:
        """The page as UTF-8."""
        return "".join(self.parts).encode()


def page(title: str, data: Iterable[str], *, connect: bool = False) -> Page:
    """Put a page together.

    Args:
        title: Of the window; may contain anything.
        data: Elements with data, as HTML.
        connect: Whether the page may fetch from the server that it came from.
    """
    style, script = _asset("style.css"), _program()
    policy = _policy(style, script, "'self'" if connect else "'none'")
    values = {
        "policy": escape(policy),
        "title": escape(title),
        "style": style,
        "script": script,
    }
    before, after = _asset("template.html").split("{{data}}")
    for name, value in values.items():
        before, after = (each.replace(f"{{{{{name}}}}}", value) for each in (before, after))
    return Page([before, *data, after], policy)


def _program() -> str:
    parts = "\n".join(_asset(name) for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}\n}})();'


def _policy(style: str, script: str, connect: str) -> str:
    rules = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "img-src": "data:",
        "connect-src": connect,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(text: str) -> str:
    """What a policy calls an inline element by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return (files("mle_gym.report") / "assets" / name).read_text(encoding="utf-8")
