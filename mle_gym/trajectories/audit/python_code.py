"""Reads Python programs as syntax trees: their calls by full name, strings and literals."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

__all__ = ["Call", "calls", "comments", "literals", "parse", "strings"]

LONGEST = 2**17
"""Characters of a program that is parsed. A longer text is data, and its tree would need hundreds
of bytes of memory for each character."""
LONGEST_KEPT = 2**13
"""Characters of a program whose tree is kept."""
DEEPEST = 150
"""Levels of nested nodes. Programs by people have fewer than 50."""
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


@dataclass(frozen=True)
class Call:
    """One call in a program."""

    name: str
    """Full name, imports resolved: ``sklearn.datasets.load_iris``."""
    arguments: tuple[Any, ...]
    """The constants among its arguments, including those in lists."""
    keywords: dict[str, Any]
    """The keyword arguments that are constants."""
    in_loop: bool
    node: ast.Call

    @property
    def source(self) -> str:
        """As Python, in one line."""
        return ast.unparse(self.node)


def parse(source: str) -> ast.Module | None:
    """The tree; None if the text is not Python, or is too long."""
    if len(source) > LONGEST:
        return None
    return _parse_once(source) if len(source) <= LONGEST_KEPT else _parse(source)


def _parse(source: str) -> ast.Module | None:
    lines = ["pass" if line.lstrip()[:1] in ("%", "!") else line for line in source.split("\n")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns about the program's escapes and comparisons
        for text in (source, "\n".join(lines)):  # notebooks have magic commands
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            return None if _is_deep(tree) else tree
    return None


_parse_once = lru_cache(maxsize=64)(_parse)


def _is_deep(tree: ast.AST) -> bool:
    """Whether a tree is nested too deeply for recursive functions."""
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True


def calls(source: str) -> Iterator[Call]:
    """Every call of a named function; none if the text is not Python.

    The walk keeps its own stack and whether it is inside a loop, which ``ast.walk`` doesn't report.
    """
    tree = parse(source)
    if tree is None:
        return
    imported = _imported(tree)
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        node, looped = stack.pop()
        if isinstance(node, ast.Call):
            name = _dotted(node.func)
            if name:
                first, dot, rest = name.partition(".")
                yield _call(node, imported.get(first, first) + dot + rest, looped)
        looped = looped or isinstance(node, _LOOPS)
        stack += [(child, looped) for child in reversed(list(ast.iter_child_nodes(node)))]


def strings(source: str) -> Iterator[str]:
    """Every string constant."""
    tree = parse(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def comments(source: str) -> Iterator[str]:
    """The text after each number sign, even of one in a string."""
    for line in source.splitlines():
        _, mark, text = line.partition("#")
        if mark:
            yield text


def literals(source: str) -> Iterator[Any]:
    """Lists, tuples and sets of constants, and dicts from constants to constants."""
    tree = parse(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            values = [_constant(each) for each in node.elts]
            if len(values) >= 2 and not any(value is None for value in values):
                yield frozenset(values) if isinstance(node, ast.Set) else values
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            found = [(_constant(key), _constant(value)) for key, value in pairs if key]
            if len(found) >= 2 and not any(None in pair for pair in found):
                yield dict(found)


def _constant(node: ast.AST) -> Any:
    """A number, a string, or a tuple of these; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _constant(node.operand)
        return -value if isinstance(value, int | float) else None
    if isinstance(node, ast.Tuple | ast.List):
        values = tuple(_constant(each) for each in node.elts)
        return None if None in values or not values else values
    return None


def _call(node: ast.Call, name: str, in_loop: bool) -> Call:
    arguments: list[Any] = []
    for argument in node.args:
        value = _constant(argument)
        arguments += value if isinstance(value, tuple) else [] if value is None else [value]
    keywords = {each.arg: _constant(each.value) for each in node.keywords if each.arg}
    return Call(name, tuple(arguments), keywords, in_loop, node)


def _imported(tree: ast.Module) -> dict[str, str]:
    """Local names, and the full names of what was imported under them."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    found[alias.asname] = alias.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def _dotted(node: ast.AST) -> str:
    """``a.b.c`` of an attribute of names; empty for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(names)]) if isinstance(node, ast.Name) else ""
