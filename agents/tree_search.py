r"""Searches over programs as AIDE does: drafts first, then mending and improving what there is.

    python agents/tree_search.py titanic --model gpt-4o-mini --call-budget 20
    OPENAI_BASE_URL=http://localhost:8000/v1 python agents/tree_search.py titanic --model qwen3 \
        --token-budget 500000 --workers 4

A language model writes a program in each call. The first few are drafts from the start of the
episode. After them, a program that failed is sometimes mended, and otherwise the best one so far is
improved. Each attempt continues from a snapshot of the one that it builds on, so the files of that
one are still there, and trying costs no other branch anything. What counts is the score that a
program measures on training rows that it holds out; the hidden answers are asked once, at the end.

The policy is that of AIDE (Jiang et al., 2025, https://arxiv.org/abs/2502.13138).

The run's folder has tree.json with all attempts, tree.svg, the trajectory of each attempt, and
episode.jsonl, which `mle-gym verify` checks. The same command goes on with a search that was
stopped.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from mle_gym.search.attempt import Attempt
from mle_gym.search.script import positive, run_search, search_parser
from mle_gym.search.tree import ROOT, Node, Tree


@dataclass
class Greedy:
    """AIDE's policy: a few drafts, then debugging by chance, else improving the best."""

    drafts: int = 5
    """Programs written from the start, before any is improved."""
    debug_chance: float = 0.5
    """How often a program that failed is mended, if there is one."""
    debug_depth: int = 3
    """Failures in a row after which a branch is given up."""
    rng: random.Random = field(default_factory=random.Random)
    remembers: bool = True

    def choose(self, tree: Tree, running: Sequence[Attempt]) -> Attempt | None:
        """What is tried next; None if that depends on attempts that are running."""
        drafts = len(tree.children(ROOT)) + sum(each.operation == "draft" for each in running)
        if drafts < self.drafts:
            return Attempt("draft", ROOT)
        broken = self._to_debug(tree, running)
        if broken and self.rng.random() < self.debug_chance:
            return Attempt("debug", self.rng.choice(broken).number)
        best = tree.best(to_continue=True)
        if best is not None:
            return Attempt("improve", best.number)
        if broken:
            return Attempt("debug", self.rng.choice(broken).number)
        return None if running else Attempt("draft", ROOT)

    def _to_debug(self, tree: Tree, running: Sequence[Attempt]) -> list[Node]:
        """Attempts that failed, that nobody mended yet, and that may still be mended."""
        taken = {node.parent for node in tree} | {each.parent for each in running}
        return [
            node
            for node in tree
            if not node.works
            and node.can_continue
            and node.number not in taken
            and tree.debug_depth(node) <= self.debug_depth
        ]


def main() -> int:
    """Search, and print what came of it."""
    parser = search_parser(__doc__)
    policy = parser.add_argument_group("the policy")
    policy.add_argument(
        "--drafts", type=positive, default=5, help="programs written from the start; default: 5"
    )
    policy.add_argument(
        "--debug-chance", type=float, default=0.5,
        help="how often a program that failed is mended, from 0 to 1; default: 0.5",
    )  # fmt: skip
    policy.add_argument(
        "--debug-depth", type=int, default=3,
        help="failures in a row after which a branch is given up; default: 3",
    )  # fmt: skip
    options = parser.parse_args()
    rng = random.Random(options.seed)
    greedy = Greedy(options.drafts, options.debug_chance, options.debug_depth, rng)
    return run_search("tree_search", greedy, options)


if __name__ == "__main__":
    sys.exit(main())
