"""The environment: one machine-learning engineering task, played in a sandbox, graded at the end.

env = gymnasium.make("mle/titanic-v0")
observation, info = env.reset(seed=0)
observation, reward, terminated, truncated, info = env.step("head -3 data/train.csv")
observation, reward, terminated, truncated, info = env.step("python train.py && submit")
"""

from __future__ import annotations

import copy
import dataclasses
from typing import Any, Unpack

import gymnasium
import numpy as np
import numpy.typing as npt

from mle_gym.episode.actions.action import RawAction
from mle_gym.episode.arguments import RENDER_MODES, Arguments, spelled_out
from mle_gym.episode.current_episode import CurrentEpisode, PlayedEpisode, start_episode
from mle_gym.episode.live_output import ShowOutput
from mle_gym.episode.outcome import Outcome, Record
from mle_gym.episode.rendering import Frame, Screen, describe
from mle_gym.episode.settings import Settings
from mle_gym.episode.snapshot import Snapshot, checked
from mle_gym.episode.spaces import ActionSpace, observation_space
from mle_gym.episode.step_limits import within_time_limit
from mle_gym.tasks.catalog import load_task

__all__ = ["MLEEnv", "Observation"]

Observation = dict[str, Any]
"""``output``, ``exit_code``, ``steps_left`` and ``seconds_left``; see :class:`MLEEnv`."""


class MLEEnv(gymnasium.Env[Observation, RawAction]):
    """A task to solve at a shell: explore the data, train a model, submit predictions.

    ## Description

    Each episode gives the agent a fresh sandbox with the task's training and test data under
    ``data/`` (read-only), Python with the usual libraries, and a shell. The agent works until it
    submits predictions for the test data, or until its budget is spent. Predictions are graded
    against answers that are never inside the sandbox.

    ## Action Space

    ``ActionSpace()``: a string is a bash script; a dict is a tool call in plain JSON, such as
    ``{"tool": "write_file", "path": "train.py", "content": "…"}``.
    :mod:`mle_gym.episode.actions.tools` lists the tools, and
    :func:`mle_gym.tool_schemas` gives them in function-calling
    form. Inside the sandbox ``validate``, ``score`` and ``submit`` are also commands, so ``python
    train.py && submit`` works. A malformed action costs a step, and its observation (exit code 2)
    says what was wrong.

    ## Observation Space

    | key            | space                      | meaning                                        |
    |----------------|----------------------------|------------------------------------------------|
    | `output`       | `UnicodeText`              | the task's brief, later what an action printed |
    | `exit_code`    | `Discrete(256)`            | 0 for success, 124 after a timeout             |
    | `steps_left`   | `Discrete(max_steps + 1)`  | steps that may still be taken                  |
    | `seconds_left` | `Box(0, time_limit, (1,))` | seconds by the episode's clock, float64        |

    Long output keeps its head and its tail; a note between them says where all of it can be read.
    Escape sequences, control characters and invalid UTF-8 are made harmless, and progress bars
    keep their last state. ``seconds_left`` is a clock, which is why the environment is registered
    as nondeterministic. With the same seed and actions everything else repeats, as far as the
    agent's own programs are deterministic.

    ## Rewards

    0 until the episode ends, and then as ``reward`` says: ``"score"`` (the normalized score, from 0
    to 1), ``"anchored"`` (0 for the sample submission's score, 1 for the reference solution's),
    ``"percentile"``, ``"medal"``, or the import path of a callable that accepts a grade.
    ``"milestones"`` pays a part before the end. :mod:`mle_gym.episode.rewards` has the tables.

    ## Starting State

    An empty workspace, and the brief as the first ``output``. Variant 0 is the canonical instance
    of the task, on which results are reported; every other integer is another instance. At each
    reset ``"train"`` (or ``"random"``) draws a positive number from the seed, ``"heldout"`` a
    negative one, and ``"1-100"`` one of that range.

    ## Episode End

    The episode terminates when a readable file is submitted, no matter how it is graded. It is
    truncated for one of these reasons:

    - The steps or the time are spent, or :meth:`finish` was called. Everything in the sandbox is
      stopped at that moment, and the submission file is graded as it is.
    - The agent's programs used so much memory that the kernel ended the whole sandbox, and with it
      any submission. The grade says that there was none.
    - The machinery failed, or your own reward function did (in that case there is a grade). The
      reward is 0, ``info["failure"]`` says why, and ``info["reward_valid"]`` is False, which
      trainers use as a mask.

    ## Information

    | key            | type   | when                                                       |
    |----------------|--------|------------------------------------------------------------|
    | `task`         | `str`  | always                                                     |
    | `variant`      | `int`  | always                                                     |
    | `reward_valid` | `bool` | always: False exactly when there is a failure              |
    | `failure`      | `dict` | a failure; otherwise None. See `mle_gym.episode.failures`  |
    | `prefix_steps` | `int`  | resets to a snapshot: the steps that its episode had taken |
    | `execution`    | `dict` | steps: an `Execution` without its output and exit code     |
    | `reward_parts` | `dict` | steps: the reward by part, floats that sum to it           |
    | `validation`   | `dict` | a submission was validated or scored: valid, code, message |
    | `grade`        | `dict` | the episode ended with a grade: `Grade.to_dict()`          |

    ## Arguments

    | argument          | default      | meaning                                               |
    |-------------------|--------------|-------------------------------------------------------|
    | `task`            |              | id of a task, or the path of a task folder            |
    | `variant`         | `0`          | which instance of the task is played                  |
    | `size`            | `"small"`    | how much data a generated task has                    |
    | `difficulty`      | `0.5`        | how hard a generated task is                          |
    | `train_rows`      | all          | size of a smaller training set                        |
    | `obfuscate`       | `False`      | hide names that a model may have memorised            |
    | `reward`          | `"score"`    | what an episode pays                                  |
    | `conditions`      | the task's   | a benchmark whose conditions replace the limits       |
    | `max_steps`       | the task's   | steps in an episode; a `TimeLimit` can lower it       |
    | `time_limit`      | the task's   | seconds in an episode                                 |
    | `clock`           | `"wall"`     | what counts: all time, or only that of actions        |
    | `command_timeout` | what is left | the most seconds for a command or a validated program |
    | `default_timeout` | `120.0`      | seconds for a command that names no timeout           |
    | `feedback`        | `"validate"` | what an agent may ask before it submits               |
    | `score_calls`     | `5`          | how often `score` answers, with `feedback="score"`    |
    | `score_ci`        | `False`      | give the grade an interval of its score               |
    | `sandbox`         | `"auto"`     | the backend, which runs the commands                  |
    | `limits`          | the task's   | changes to the sandbox's limits                       |
    | `network`         | `False`      | let the sandbox reach the network                     |
    | `gpus`            | none         | GPUs that the sandbox may use                         |
    | `runtime`         | Docker's     | what runs containers, with `sandbox="docker"`         |
    | `sandbox_python`  | this Python  | the interpreter that agents get                       |
    | `packages`        | none         | distributions to show besides the usual ones          |
    | `warm`            | `True`       | run `python` with its libraries imported already      |
    | `preload`         | the usual    | the modules that a warm Python has imported           |
    | `remote`          | none         | the server that plays the episodes                    |
    | `render_mode`     | none         | what `render` gives                                   |

    All are plain data, so ``env.spec.to_json()`` round-trips.

    ``reset(options=…)`` accepts ``variant``, ``size``, ``difficulty``, ``train_rows`` and
    ``obfuscate`` for that episode and for the ones that a plain ``reset()`` starts after it. With
    ``snapshot``, a value that :meth:`snapshot` returned, the episode continues from there, and its
    first observation is the last one before the snapshot.

    ## Version History

    * v0: Initial version.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012
        "render_modes": list(RENDER_MODES),
        "render_fps": 2,
    }

    @spelled_out
    def __init__(self, task: str, **arguments: Unpack[Arguments]) -> None:
        """Check the arguments; nothing is prepared or started before :meth:`reset`.

        Raises:
            TaskError: No such task, or a broken one.
            TypeError: An argument is unknown; the message has the nearest names.
            ValueError: An argument is not valid; the message names it and what was expected.
        """
        self.task = load_task(task)
        self.settings = Settings.check(self.task, arguments)
        self._lasting = self.settings
        """The settings that a ``reset`` without any argument continues to use."""
        self.render_mode = arguments.get("render_mode")
        self.action_space = ActionSpace()
        self.observation_space = observation_space(
            max_steps=self.settings.max_steps,
            time_limit=self.settings.time_limit,
            output_bytes=self.settings.limits.output_bytes,
        )
        self.on_output: ShowOutput | None = None
        """Is called with what a script or a cell prints while :meth:`step` runs it
        (:class:`~mle_gym.episode.live_output.LiveOutput`). It changes nothing else."""
        self._screen = Screen(self.task.env_id)
        self._current = CurrentEpisode()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Prepare the dataset if necessary, start a fresh sandbox, and return the task's brief.

        If the reward requires the variant's ceiling, it is measured here, once for each variant.

        Args:
            seed: Seeds ``np_random``, from which variants are drawn.
            options: ``variant``, ``size``, ``difficulty``, ``train_rows`` and ``obfuscate`` for
                this episode; ``snapshot`` to continue from one. A reset without any argument, such
                as the automatic one of a vector environment, uses the options of the one before it.

        Raises:
            ValueError: An option is unknown, or a value is not valid.
            SnapshotError: The snapshot is of another task or other data, or its files are gone.
            DatasetError: The data can't be prepared; the message says how to get them.
            TaskError: The task's reference solution fails, so that there is no ceiling.
            SandboxUnavailable: The sandbox can't run here; the message says what to install.
            SandboxCrashed: Another thread closed or reset the environment meanwhile.
        """
        super().reset(seed=seed)
        # A vector environment resets its members without arguments when their episodes end. Only
        # then do the options of the reset before apply again.
        bare = seed is None and options is None
        settings = lasting = self._lasting if bare else self.settings.with_options(options)
        snapshot = (options or {}).get("snapshot")
        settings = within_time_limit(self, settings, snapshot)
        if snapshot is not None:
            settings = checked(snapshot).adapt(self.task, settings)
        opening = self._begin(settings, snapshot)
        self._lasting = lasting
        return opening

    def step(self, action: RawAction) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Perform an action in the sandbox.

        Raises:
            ResetNeeded: No episode is running.
        """
        episode = self._current.running()
        return self._show(action, episode, episode.step(action, self.on_output))

    def finish(self) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """End the episode now, as a truncation, and grade the submission file as it is.

        This is for agents that stop without submitting.

        Raises:
            ResetNeeded: No episode is running.
        """
        episode = self._current.running()
        return self._show(None, episode, episode.finish())

    def names(self, folder: str | None) -> list[str]:
        """The names in a folder of the sandbox, for a person who presses Tab. It is not a step.

        Args:
            folder: As the next command would name it; None for the programs on its ``PATH``.

        Raises:
            ResetNeeded: No episode is running.
            SandboxError: The sandbox failed.
        """
        return self._current.running().names(folder)

    def interrupt(self) -> None:
        """End the running command, as Ctrl-C does (exit code 130). Call it from another thread."""
        self._current.interrupt()

    def render(self) -> str | npt.NDArray[np.uint8] | None:
        """The terminal: text (``ansi``), a (600, 1000, 3) array (``rgb_array``), or None."""
        if self.render_mode == "ansi":
            return self._screen.text()
        return self._screen.picture() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """End the episode and free its sandbox. Idempotent; :meth:`reset` starts another episode.

        If another thread is in a step, that step ends immediately, with the failure
        ``interrupted``.
        """
        self._current.close()

    def snapshot(self) -> Snapshot:
        """Save this moment of the episode; ``reset(options={"snapshot": …})`` continues from it.

        Raises:
            ResetNeeded: No episode is running.
            SnapshotError: The workspace is too large, or there is no room for it.
            SandboxError: The sandbox failed.
        """
        return self._current.running().snapshot()

    def fork(self) -> MLEEnv:
        """A running copy, which the caller must also close.

        :func:`mle_gym.wrappers.fork` copies an environment together with its wrappers. Raises what
        :meth:`snapshot` and :meth:`reset` raise.
        """
        episode = self._current.running()
        with episode.snapshot() as snapshot:
            shared = (self.task, self.settings, self.on_output)
            twin = copy.deepcopy(self, {id(each): each for each in shared})
            settings = dataclasses.replace(episode.settings, variant=snapshot.options.variant)
            twin._begin(settings, snapshot)
        twin._screen = copy.deepcopy(self._screen)
        return twin

    @property
    def record(self) -> Record | None:
        """How the current episode, or the last one, was made, and its result so far."""
        return self._current.record

    @property
    def _episode(self) -> PlayedEpisode | None:
        return self._current.episode

    def _begin(
        self, settings: Settings, snapshot: Snapshot | None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode in place of the one that is running."""
        episode = self._current.replace(
            lambda: start_episode(
                self.task, settings, snapshot, self.np_random, self._current.client
            )
        )
        self._screen.clear()
        opening = episode.opening()
        self._draw(None, *opening)
        return opening

    def _show(self, action: RawAction | None, episode: PlayedEpisode, outcome: Outcome) -> Outcome:
        """Put a step on the screen and, if it was the last, leave the episode."""
        self._current.keep_record(episode)
        self._draw(action, outcome.observation, outcome.info)
        return outcome

    def _draw(
        self, action: RawAction | None, observation: Observation, info: dict[str, Any]
    ) -> None:
        if self.render_mode is not None:
            command = "" if action is None else describe(action)
            self._screen.show(Frame.of(command, observation, info))
        if self.render_mode == "human":
            self._screen.print_last()
