"""Coverage-guided fuzzing: ``python -m tests.fuzz submission --seconds 600``.

Needs ``pip install "mle-gym[fuzz]"``. Starts from the inputs in ``tests/fuzz/corpus`` and keeps
what it learns in ``.fuzz``. It ends at the first finding, whose input it names: fix the cause and
put the file into the corpus, which ``test_corpus.py`` replays.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).parent
TARGETS = sorted(path.stem for path in (FOLDER / "corpus").iterdir())
MOST_BYTES = 20_000
"""The size of one input. Larger ones have separate tests."""
HANG_SECONDS = 20
MEMORY_MB = 2048


def main() -> None:
    """Fuzz one target until the time is up or something is found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--learnt", type=Path, default=Path(".fuzz"), help="where inputs are kept")
    arguments = parser.parse_args()
    try:
        import atheris
    except ImportError:
        sys.exit('fuzzing needs atheris: pip install "mle-gym[fuzz]"')
    learnt = arguments.learnt / arguments.target
    learnt.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=["mle_gym", "tomllib"]):
        target = import_module(f"tests.fuzz.targets.{arguments.target}")
    options = {
        "max_total_time": arguments.seconds,
        "max_len": MOST_BYTES,
        "timeout": HANG_SECONDS,
        "rss_limit_mb": MEMORY_MB,
        "artifact_prefix": f"{arguments.learnt}/{arguments.target}-",
        "print_final_stats": 1,
        "dict": FOLDER / "dictionary.txt",
    }
    flags = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup(
        [sys.argv[0], *flags, str(learnt), str(FOLDER / "corpus" / arguments.target)],
        target.check,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
