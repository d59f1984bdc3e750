r"""Lets a language model write programs independently of one another, and hands in the best.

    python agents/best_of_n.py titanic --model gpt-4o-mini --call-budget 20
    OPENAI_BASE_URL=http://localhost:8000/v1 python agents/best_of_n.py titanic --model qwen3 \
        --call-budget 20 --workers 4

Each program begins at the start of the episode, measures itself on training rows that it holds out,
and isn't told of the others. It is the line that agents/tree_search.py must beat at equal calls.

The run's folder has tree.json with all attempts, tree.svg, the trajectory of each attempt, and
episode.jsonl, which `mle-gym verify` checks. The same command goes on with a search that was
stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mle_gym.search.attempt import Attempt
from mle_gym.search.script import run_search, search_parser
from mle_gym.search.tree import ROOT, Tree


class Independent:
    """One draft after the other."""

    remembers: bool = False

    def choose(self, tree: Tree, running: Sequence[Attempt]) -> Attempt | None:
        """Another draft."""
        return Attempt("draft", ROOT)


if __name__ == "__main__":
    sys.exit(run_search("best_of_n", Independent(), search_parser(__doc__).parse_args()))
