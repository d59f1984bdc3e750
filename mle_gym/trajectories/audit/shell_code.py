"""Splits shell scripts far enough to see which programs they start, and with which words.

It is not a parser of the whole language, since it must never fail: agents write scripts that no
shell accepts, on which bashlex gives up (and bashlex is under the GPL).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Command", "Heredoc", "commands", "heredocs"]

DEEPEST = 5
"""How deeply scripts in scripts (``bash -c``, ``$(…)``) are searched."""
_BEGIN = re.compile(r"(?<!<)<<(?!<)-?[ \t]*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)")
_KEYWORDS = ("!", "do", "then", "else", "if", "while", "until", "{")
_PREFIXES = ("sudo", "env", "nohup", "time", "nice", "exec", "command", "builtin", "xargs")
_ASSIGNMENT = re.compile(r"\w+=")
_SEPARATORS = ";&|\n()"
_SHELLS = ("bash", "sh", "zsh", "dash")


@dataclass(frozen=True)
class Heredoc:
    """A text inside a script."""

    command: str
    """The line that reads it."""
    body: str


@dataclass(frozen=True)
class Command:
    """One program with its words."""

    words: tuple[str, ...]
    in_loop: bool

    @property
    def program(self) -> str:
        """The program's name without its folder."""
        return self.words[0].rpartition("/")[2]

    def __str__(self) -> str:
        return " ".join(self.words)


def heredocs(script: str) -> tuple[str, list[Heredoc]]:
    """A script without its heredocs, and the heredocs."""
    found: list[Heredoc] = []
    kept: list[str] = []
    lines = iter(script.split("\n"))
    for line in lines:
        begin = _BEGIN.search(line)
        if begin is not None:
            body: list[str] = []
            for text in lines:  # to the end of the script if the mark is missing
                if text.strip() == begin["end"]:
                    break
                body.append(text)
            line = _BEGIN.sub(" ", line)
            found.append(Heredoc(line, "\n".join(body)))
        kept.append(line)
    return "\n".join(kept), found


def commands(script: str, depth: int = 0) -> Iterator[Command]:
    """Every simple command, including those in ``bash -c`` and in ``$(…)``.

    A script that no shell would accept is read as far as possible. Nothing raises.
    """
    loops = 0
    for words in _split(script):
        opens = words[0] in ("for", "while", "until")
        loops = max(0, loops + opens - (words[0] == "done"))
        bare = _bare(words)
        if bare:
            yield Command(tuple(bare), loops > 0)
        if depth < DEEPEST:
            for inner in _inner(words, bare):
                for each in commands(inner, depth + 1):
                    yield Command(each.words, each.in_loop or loops > 0)


def _inner(words: list[str], bare: list[str]) -> Iterator[str]:
    """The scripts inside a command's words."""
    if bare and bare[0].rpartition("/")[2] in _SHELLS and "-c" in bare[:-1]:
        yield bare[bare.index("-c") + 1]
    for word in words:
        for match in re.finditer(r"\$\(([^()]*)\)|`([^`]*)`", word):
            yield match[1] or match[2] or ""


def _bare(words: list[str]) -> list[str]:
    """The words without a prefix such as assignments, ``timeout 60`` or ``sudo``."""
    at = 0
    while at < len(words):
        if words[at] == "timeout":
            at += 1
            while at < len(words) and (words[at].startswith("-") or words[at][:1].isdigit()):
                at += 1
        elif words[at] in (*_KEYWORDS, *_PREFIXES) or _ASSIGNMENT.match(words[at]):
            at += 1
        else:
            break
    return words[at:]


def _split(script: str) -> Iterator[list[str]]:
    """The words of each simple command, with quotes resolved and without comments."""
    words: list[str] = []
    word: str | None = None
    at, end = 0, len(script)
    while at < end:
        char = script[at]
        at += 1
        if char in " \t\r" + _SEPARATORS or (char == "#" and word is None):
            if word is not None:
                words.append(word)
                word = None
            if char == "#":
                at = _index(script, "\n", at)
            elif char in _SEPARATORS and words:
                yield words
                words = []
        elif char == "'":
            close = _index(script, "'", at)
            word, at = (word or "") + script[at:close], close + 1
        elif char == '"':
            text, at = _double_quoted(script, at)
            word = (word or "") + text
        elif char == "\\":
            if script[at : at + 1] != "\n":
                word = (word or "") + script[at : at + 1]
            at += 1
        elif char in "<>":
            words += [word, char] if word is not None else [char]
            word = None
        else:
            word = (word or "") + char
    if word is not None:
        words.append(word)
    if words:
        yield words


def _index(text: str, what: str, start: int) -> int:
    found = text.find(what, start)
    return len(text) if found < 0 else found


def _double_quoted(script: str, at: int) -> tuple[str, int]:
    """The text up to the closing quote, and the position after that."""
    text = []
    while at < len(script) and script[at] != '"':
        if script[at] == "\\" and script[at + 1 : at + 2] in ('"', "\\", "$", "`"):
            at += 1
        text.append(script[at])
        at += 1
    return "".join(text), at + 1
