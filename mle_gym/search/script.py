"""What the scripts in ``agents/`` that search share: their options, and how they end."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

from mle_gym.chat.endpoint import add_options, budget_of, endpoint_of
from mle_gym.clean_console import CleanConsole
from mle_gym.env import MLEEnv
from mle_gym.episode.arguments import ARGUMENTS, check_name
from mle_gym.episode.variants import parse_variant
from mle_gym.errors import AgentError, MleGymError
from mle_gym.make_env import make
from mle_gym.search.run_folder import RunFolder
from mle_gym.search.search import Policy, Search, SearchSettings
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["run_search", "search_parser"]

console = CleanConsole()


def search_parser(description: str) -> argparse.ArgumentParser:
    """The options that every search has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", help="a task as `mle-gym list` names it, or a task's folder")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER",
        help="the run's folder; an unfinished search in it goes on; default: runs/AGENT-TASK",
    )  # fmt: skip
    parser.add_argument(
        "--variant", type=parse_variant, default=0,
        help="a number, or heldout, train or 1-100, from which the seed draws one; default: 0",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, help="seeds the environment and the search's choices")
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", type=environment_argument,
        help="another argument of the environment, such as size=micro; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=positive, default=1, help="attempts at the same time; default: 1"
    )
    parser.add_argument(
        "--program-seconds", type=float, default=600.0,
        help="the most that one program may take; default: 600",
    )  # fmt: skip
    add_options(parser)
    return parser


def environment_argument(word: str) -> tuple[str, Any]:
    """The name and the value of ``NAME=VALUE``."""
    name, _, value = word.partition("=")
    try:
        check_name(name)
        parsed = ARGUMENTS[name].parse(value)
        ARGUMENTS[name].check(name, parsed)
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name, parsed


def positive(word: str) -> int:
    """An integer of at least 1."""
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, found {word!r}")
    return int(word)


def run_search(agent: str, policy: Policy, options: argparse.Namespace) -> int:
    """Search, and print what came of it.

    Returns:
        The exit code: 0 for a valid submission, 1 for none, 2 if nothing could begin, 3 if the
        machinery failed, 130 after Ctrl-C.
    """
    out = options.out or Path("runs", f"{agent}-{Path(options.task).name}")
    try:
        search = _prepared(agent, policy, options, out)
        episode = search.run()
    except KeyboardInterrupt:
        console.print(f"stopped; the same command goes on with the search in {out}")
        return 130
    except (MleGymError, ValueError) as error:
        console.print(f"error: {error}", style="red", soft_wrap=True)
        if (out / "tree.json").exists():
            _say(f"the same command goes on with the search in {out}, unless it is finished")
        return 2
    _report(search, episode, out)
    if episode is None:
        return 1
    if episode.failure is not None:
        return 3
    return 0 if (episode.grade or {}).get("valid") else 1


def _prepared(agent: str, policy: Policy, options: argparse.Namespace, out: Path) -> Search:
    endpoint, budget = endpoint_of(options), budget_of(options)
    budget.check(priced=endpoint.price is not None)
    if budget == type(budget)():
        raise AgentError("a search without a budget doesn't end: set --call-budget, say")
    model = endpoint.open()
    arguments = {"variant": options.variant, **dict(options.env)}
    make_env = functools.partial(_made, options.task, arguments)
    make_env().close()  # refuses what is wrong before there is a folder
    named = {"agent": agent, "task": options.task, "seed": options.seed, "arguments": arguments}
    settings = SearchSettings(agent, budget, options.workers, options.program_seconds, options.seed)
    folder = RunFolder(out, named | {"model": model.name})
    return Search(make_env, model, policy, settings, folder, say=_say)


def _made(task: str, arguments: dict[str, Any]) -> MLEEnv:
    return make(task, **arguments)


def _say(line: str) -> None:
    console.print(line, soft_wrap=True, highlight=False)


def _report(search: Search, episode: Trajectory | None, out: Path) -> None:
    spent = search.tree.spent()
    _say(
        f"{len(search.tree)} attempts, {spent.steps} steps, {spent}; {search.seconds:.1f} s in all"
    )
    if episode is None:
        _say("no attempt led to a valid submission")
    elif episode.failure is not None:
        _say("failed: {kind}: {message}".format(**episode.failure))
    else:
        score = (episode.grade or {}).get("score")
        _say(f"score {score}, reward {episode.episode_return:.5g}")
    _say(f"the tree is in {out}/tree.json and {out}/tree.svg")
