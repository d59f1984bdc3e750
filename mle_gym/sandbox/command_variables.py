"""The environment variables that a sandbox's first command sees: the same on every backend."""

from __future__ import annotations

import math

from mle_gym.sandbox.sandbox_config import SandboxConfig

__all__ = ["THREAD_VARIABLES", "command_environment"]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "LOKY_MAX_CPU_COUNT",
)

_NOBODY_WATCHES = {
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "MANPAGER": "cat",
    "EDITOR": ":",
    "VISUAL": ":",
    "GIT_EDITOR": ":",
    "GIT_TERMINAL_PROMPT": "0",
    "DEBIAN_FRONTEND": "noninteractive",
    "PIP_NO_INPUT": "1",
    "PIP_PROGRESS_BAR": "off",
    "TQDM_DISABLE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}
"""Without these, programs wait for a key that nobody presses, or draw bars that nobody sees."""


def command_environment(config: SandboxConfig, python_folder: str) -> dict[str, str]:
    """Make a clean environment, without any variable of the host.

    Thread counts follow ``config.limits.cpus``. Otherwise numerical libraries would start a thread
    for every processor of the host, and these would compete for the quota.

    Args:
        config: The sandbox's limits and extra variables.
        python_folder: The folder of the agent's ``python``, which comes first on the ``PATH``.
    """
    threads = str(max(1, math.ceil(config.limits.cpus)))
    return {
        "PATH": f"{python_folder}:/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",
        "USER": "agent",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "MPLBACKEND": "Agg",
        "PYTHONHASHSEED": "0",
        **_NOBODY_WATCHES,
        **dict.fromkeys(THREAD_VARIABLES, threads),
        **({"CUDA_VISIBLE_DEVICES": ",".join(config.gpus)} if config.gpus else {}),
        **dict(config.environment),
    }
