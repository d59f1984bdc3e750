"""The rules in Docker's form: a profile by names, for whatever machine the daemon runs on."""

from __future__ import annotations

import errno
import functools
import json
from typing import Any

from mle_gym.sandbox.seccomp.call_numbers import MACHINES, system_calls
from mle_gym.sandbox.seccomp.denied_calls import CONDITIONS, DENIED, NOT_THERE, Condition, Test

__all__ = ["docker_profile"]

_ALLOW, _ERROR = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"


@functools.cache
def docker_profile() -> str:
    """JSON for ``security_opt=["seccomp=…"]``. Names that a machine does not have are skipped."""
    names = {name for machine in MACHINES for name in system_calls(machine).values()}
    denied = {name for group in DENIED.values() for name in group}
    plain = sorted(names - denied - set(NOT_THERE) - set(CONDITIONS))
    rules: list[dict[str, Any]] = [
        {"names": plain, "action": _ALLOW},
        {"names": list(NOT_THERE), "action": _ERROR, "errnoRet": errno.ENOSYS},
    ]
    for name, condition in CONDITIONS.items():
        for tests in condition.allowed:
            arguments = [_argument(test) for test in tests]
            rules.append({"names": [name], "action": _ALLOW, "args": arguments})
        if condition.error == 0:
            rules.append(_without_effect(name, condition))
    return json.dumps({"defaultAction": _ERROR, "syscalls": rules}, separators=(",", ":"))


def _without_effect(name: str, condition: Condition) -> dict[str, Any]:
    """Let the other calls succeed; by default they would fail."""
    rule = {"names": [name], "action": _ERROR, "errnoRet": 0}
    if not condition.allowed:
        return rule
    ((test,),) = condition.allowed
    other = {"index": test.argument, "value": test.value, "op": "SCMP_CMP_NE"}
    return rule | {"args": [other]}


def _argument(test: Test) -> dict[str, Any]:
    return {
        "index": test.argument,
        "value": test.mask,
        "valueTwo": test.value,
        "op": "SCMP_CMP_MASKED_EQ",
    }
