"""Searches for the best program: attempts in parallel, each from a snapshot of an earlier one."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from mle_gym.chat.model import ChatModel
from mle_gym.chat.model_budget import ModelBudget, Spent
from mle_gym.env import MLEEnv
from mle_gym.episode.snapshot import Snapshot
from mle_gym.errors import SnapshotError
from mle_gym.regular_files import write_atomically
from mle_gym.search.attempt import Attempt, AttemptAgent, ended_early, play
from mle_gym.search.prompts import prompt
from mle_gym.search.run_folder import RunFolder
from mle_gym.search.tree import ROOT, Node, Tree
from mle_gym.search.tree_picture import picture
from mle_gym.search.winning_episode import hand_in
from mle_gym.trajectories.trajectory import Trajectory

__all__ = ["Policy", "Search", "SearchSettings"]

SECONDS_TO_STOP = 3.0
"""After Ctrl-C, for attempts whose commands were interrupted to be written down."""


class Policy(Protocol):
    """Decides what is tried next."""

    remembers: bool
    """Whether the model is told of earlier attempts."""

    def choose(self, tree: Tree, running: Sequence[Attempt]) -> Attempt | None:
        """The next attempt; None if there is none before one that is running is over."""


@dataclass(frozen=True)
class SearchSettings:
    """How a search goes about it."""

    agent: str
    """The name in the records."""
    budget: ModelBudget
    workers: int = 1
    """Attempts at the same time, each with an environment of its own."""
    program_seconds: float = 600.0
    """The most that one program may take."""
    seed: int | None = None
    """For the environment's first ``reset``, which draws the variant."""


class Search:
    """A search in one episode's state space, which goes on where it was stopped.

    Args:
        make: Makes an environment; each worker has its own.
        model: Writes the programs.
        policy: Decides what is tried next.
        settings: Budgets and limits.
        folder: Where everything is kept.
        say: Called with a line of text when an attempt is over.
    """

    def __init__(
        self,
        make: Callable[[], MLEEnv],
        model: ChatModel,
        policy: Policy,
        settings: SearchSettings,
        folder: RunFolder,
        say: Callable[[str], object] = print,
    ) -> None:
        self._model, self._policy, self._settings = model, policy, settings
        self._folder, self._say = folder, say
        self._envs = [make() for _ in range(settings.workers)]
        self._earlier: float = folder.found.get("seconds", 0.0)
        self._running: dict[int, Attempt] = {}
        self._brief = ""
        self.tree = self._tree_so_far()

    def run(self) -> Trajectory | None:
        """Search until the budget is spent, and hand in the best attempt.

        Returns:
            The episode; None if no attempt led to a valid submission.

        Raises:
            AgentError: The model's API refuses, or keeps failing.
            KeyboardInterrupt: Ctrl-C was pressed. Another run in the same folder goes on.
        """
        self._began = time.monotonic()
        try:
            root = self._open()
            self._search(root)
            result = self._hand_in()
        finally:
            for env in self._envs:
                env.close()
        self._folder.discard_snapshots()
        return result

    @property
    def seconds(self) -> float:
        """Wall-clock time, with that of earlier runs."""
        return self._earlier + time.monotonic() - self._began

    def _tree_so_far(self) -> Tree:
        found = self._folder.found
        task = self._envs[0].task
        nodes = [Node.from_dict(each) for each in found.get("nodes", ())]
        for each in found.get("running", ()):
            number, attempt = each["number"], Attempt(each["operation"], each["parent"])
            node = ended_early(number, attempt, record := self._folder.attempt(number))
            if node.spent == Spent():  # it had hardly begun, and its number is free again
                record.unlink(missing_ok=True)
            else:
                nodes.append(node)
        return Tree(higher_is_better=task.grade.higher_is_better, nodes=tuple(nodes))

    def _open(self) -> Snapshot:
        """The state that drafts begin from."""
        env = self._envs[0]
        state = self._folder.snapshot(ROOT)
        if state is None:
            env.reset(seed=self._settings.seed)
            state = env.snapshot()
            self._folder.keep(ROOT, state)
        self._brief = state.output
        return state

    def _search(self, root: Snapshot) -> None:
        done: queue.SimpleQueue[_Done] = queue.SimpleQueue()
        idle = list(self._envs)
        try:
            while True:
                while idle and (attempt := self._next()) is not None:
                    self._start(attempt, idle.pop(), root, done)
                if not self._running:
                    return
                self._finish(done.get(), idle)
        finally:
            self._stop(done)
            self._save()

    def _next(self) -> Attempt | None:
        """The next attempt, unless a budget is spent. Those that are running count as calls."""
        spent = self.tree.spent()
        calls = spent.calls + len(self._running)
        budget = self._settings.budget
        if budget.exceeded(spent, self.seconds) or (budget.calls and calls >= budget.calls):
            return None
        return self._policy.choose(self.tree, list(self._running.values()))

    def _start(
        self, attempt: Attempt, env: MLEEnv, root: Snapshot, done: queue.SimpleQueue[_Done]
    ) -> None:
        number = 1 + max([node.number for node in self.tree] + list(self._running), default=0)
        parent = None if attempt.parent == ROOT else self.tree[attempt.parent]
        state = root if parent is None else self._folder.snapshot(parent.number)
        assert state is not None  # policies continue only what can be continued
        memory = self.tree if self._policy.remembers else None
        agent = self._agent(env, prompt(self._brief, memory, attempt.operation, parent))
        self._running[number] = attempt
        self._save()

        def work() -> None:
            try:
                node, left = play(env, agent, number, attempt, state, self._folder.attempt(number))
                done.put(_Done(env, number, node, left))
            except BaseException as error:  # whatever it is, the main thread must not wait for ever
                done.put(_Done(env, number, error=error))

        # A daemon, because nothing interrupts a model that doesn't answer.
        threading.Thread(target=work, name=f"attempt-{number}", daemon=True).start()

    def _agent(self, env: MLEEnv, messages: list[dict[str, Any]]) -> AttemptAgent:
        most = self._settings.budget.seconds
        left = float("inf") if most is None else most - self.seconds
        return AttemptAgent(
            self._model,
            messages,
            deadline=time.monotonic() + left,
            seconds=min(self._settings.program_seconds, left),
            validates=env.settings.feedback != "none",
        )

    def _finish(self, done: _Done, idle: list[MLEEnv]) -> None:
        """Keep what came of an attempt."""
        attempt = self._running[done.number]
        if isinstance(done.error, SnapshotError) and attempt.parent != ROOT:
            # Its files were deleted to make room, or the path's time is spent.
            self.tree.add(replace(self.tree[attempt.parent], can_continue=False))
            del self._running[done.number]
            idle.append(done.env)
            return
        if done.node is None:
            assert done.error is not None
            raise done.error
        del self._running[done.number]
        if done.left is not None:
            self._folder.keep(done.number, done.left)
        self.tree.add(done.node)
        idle.append(done.env)
        self._save()
        self._say(_line(done.node, self.tree))

    def _stop(self, done: queue.SimpleQueue[_Done]) -> None:
        """End the attempts that still run, after an error or Ctrl-C."""
        if not self._running:
            return
        for env in self._envs:
            env.close()
        deadline = time.monotonic() + SECONDS_TO_STOP
        with contextlib.suppress(queue.Empty):
            for _ in self._running:
                done.get(timeout=max(0.0, deadline - time.monotonic()))

    def _hand_in(self) -> Trajectory | None:
        """Submit in the state of the best attempt whose state is still there."""
        while (best := self.tree.best()) is not None:
            state = self._folder.snapshot(best.number)
            assert state is not None  # it was kept, since the attempt works
            records = [self._folder.attempt(node.number) for node in self.tree.path(best)]
            name, path = self._settings.agent, self._folder.episode
            try:
                episode = hand_in(self._envs[0], state, records, name, path)
            except SnapshotError as error:
                self.tree.add(replace(best, problem=f"its state is gone: {error}"))
                continue
            self._save(result=_result(best, episode))
            return episode
        self._save(result={"reason": "no attempt led to a valid submission"})
        return None

    def _save(self, result: Mapping[str, Any] | None = None) -> None:
        best = self.tree.best()
        running = [{"number": number, **asdict(each)} for number, each in self._running.items()]
        content = {
            "higher_is_better": self.tree.higher_is_better,
            "budget": asdict(self._settings.budget),
            "spent": self.tree.spent().to_dict(),
            "seconds": round(self.seconds, 3),
            "best": None if best is None else best.number,
            "result": result,
            "running": running,
            "nodes": [node.to_dict() for node in self.tree],
        }
        self._folder.save(content)
        write_atomically(self._folder.picture, picture(self.tree))


@dataclass(frozen=True)
class _Done:
    """An attempt that is over, in one way or another."""

    env: MLEEnv
    number: int
    node: Node | None = None
    left: Snapshot | None = None
    error: BaseException | None = None


def _result(best: Node, episode: Trajectory) -> dict[str, Any]:
    grade = episode.grade or {}
    return {
        "best": best.number,
        "validation": best.validation,
        "valid": grade.get("valid", False),
        "score": grade.get("score"),
        "return": episode.episode_return,
        "failure": episode.failure,
    }


def _line(node: Node, tree: Tree) -> str:
    """An attempt as a line for the terminal."""
    came = f"validation {node.validation:g}" if node.works else f"failed: {node.problem}"
    best = tree.best()
    mark = ", the best so far" if best is not None and best.number == node.number else ""
    origin = "" if node.parent == ROOT else f" of {node.parent}"
    return f"{node.number}: {node.operation}{origin}: {came}{mark}"
