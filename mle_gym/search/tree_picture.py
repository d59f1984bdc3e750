"""Draws a tree of attempts as an SVG picture, with nothing but text."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from mle_gym.search.tree import ROOT, Node, Tree

__all__ = ["picture"]

WIDTH, HEIGHT, RADIUS = 84, 78, 15
"""Pixels between neighbours, between generations, and of a circle."""
FILLS = {"draft": "#4c78a8", "improve": "#54a24b", "debug": "#b279a2"}
FAILED, LINE, BEST, TEXT = "#ffffff", "#9aa0a6", "#e4572e", "#333333"
LEGEND_WIDTH = 430


def picture(tree: Tree) -> str:
    """The tree from its root down; the way to the best attempt stands out.

    A filled circle is an attempt that works, with its validation score below it; an empty one
    failed. Pointing at a circle shows the attempt's plan.
    """
    places = _places(tree)
    best = tree.best()
    winning = {ROOT, *(node.number for node in tree.path(best))} if best else set()
    width = max([x for x, _ in places.values()] + [LEGEND_WIDTH - WIDTH // 2]) + WIDTH // 2
    height = max(y for _, y in places.values()) + HEIGHT + 10
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        'font-family="sans-serif" font-size="11" text-anchor="middle">',
        f'<rect width="{width:g}" height="{height:g}" fill="white"/>',
        *(_edge(node, places, node.number in winning) for node in tree),
        _circle(places[ROOT], "root", TEXT, TEXT, "the start of the episode"),
        *(_attempt(node, places, node.number in winning) for node in tree),
        *_legend(height - 16),
        "</svg>",
    ]
    return "\n".join(drawn) + "\n"


def _places(tree: Tree) -> dict[int, tuple[float, float]]:
    """Where each attempt is drawn: leaves side by side, parents above the middle of theirs."""
    places: dict[int, tuple[float, float]] = {}
    columns = 0

    def place(number: int, depth: int) -> float:
        nonlocal columns
        below = [place(child.number, depth + 1) for child in tree.children(number)]
        if not below:
            columns += 1
        x = (below[0] + below[-1]) / 2 if below else (columns - 0.5) * WIDTH
        places[number] = (x, 28.0 + depth * HEIGHT)
        return x

    place(ROOT, 0)
    return places


def _edge(node: Node, places: dict[int, tuple[float, float]], winning: bool) -> str:
    (x1, y1), (x2, y2) = places[node.parent], places[node.number]
    colour, width = (BEST, 3) if winning else (LINE, 1.5)
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" '
        f'stroke="{colour}" stroke-width="{width}"/>'
    )


def _attempt(node: Node, places: dict[int, tuple[float, float]], winning: bool) -> str:
    x, y = places[node.number]
    colour = FILLS[node.operation]
    plan = f"{node.number}, {node.operation}: {node.plan or node.problem}"
    fill, border = (colour if node.works else FAILED), (BEST if winning else colour)
    below = f"{node.validation:.4g}" if node.works else "failed"
    number = _circle((x, y), str(node.number), fill, border, plan, dark=not node.works)
    return f'{number}\n<text x="{x:g}" y="{y + RADIUS + 13:g}" fill="{TEXT}">{below}</text>'


def _circle(
    place: tuple[float, float], text: str, fill: str, border: str, tooltip: str, dark: bool = False
) -> str:
    x, y = place
    return (
        f'<g><title>{escape(tooltip[:500])}</title><circle cx="{x:g}" cy="{y:g}" r="{RADIUS}" '
        f'fill="{fill}" stroke="{border}" stroke-width="3"/>'
        f'<text x="{x:g}" y="{y + 4:g}" fill="{TEXT if dark else FAILED}">{text}</text></g>'
    )


def _legend(y: float) -> Iterator[str]:
    entries = [(name, fill, fill) for name, fill in FILLS.items()]
    entries += [("failed", FAILED, LINE), ("best", FAILED, BEST)]
    for at, (name, fill, border) in enumerate(entries):
        x = 20 + at * 84
        style = f'fill="{fill}" stroke="{border}" stroke-width="2"'
        yield f'<circle cx="{x}" cy="{y:g}" r="6" {style}/>'
        yield f'<text x="{x + 11}" y="{y + 4:g}" fill="{TEXT}" text-anchor="start">{name}</text>'
