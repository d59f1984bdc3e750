"""The rules in the kernel's form: a program for the classic Berkeley packet filter machine."""

from __future__ import annotations

import errno
import functools
import platform
import struct

from mle_gym.sandbox.seccomp.call_numbers import LAST, MACHINES, system_calls
from mle_gym.sandbox.seccomp.denied_calls import CONDITIONS, DENIED, NOT_THERE, Condition, Test

__all__ = ["filter_program"]

_LOAD, _AND, _EQUAL, _GREATER, _RETURN = 0x20, 0x54, 0x15, 0x25, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
"""Offsets in ``struct seccomp_data``. Each argument has eight bytes, the lower four first."""

_Instruction = tuple[int, int, int, int]
"""Operation, how far to jump if true and if false, operand."""
_Block = tuple[_Instruction, ...]


@functools.cache
def filter_program(machine: str = "") -> bytes | None:
    """The filter's bytes, an array of ``struct sock_filter``; None if no rules are known.

    Args:
        machine: As ``platform.machine()`` names it; this one by default.
    """
    machine = machine or platform.machine()
    if machine not in MACHINES:
        return None
    code: list[_Instruction] = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 1, 0, MACHINES[machine][0]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    for last, block in _runs(system_calls(machine)):
        code += [(_GREATER, len(block), 0, last), *block]
    code += _answer(_ERROR | errno.ENOSYS)
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _runs(names: dict[int, str]) -> list[tuple[int, _Block]]:
    """Each range of numbers that are treated alike: the last number, and what to do."""
    denied = {name for group in DENIED.values() for name in group}
    runs: list[tuple[int, _Block]] = []
    for number in range(LAST + 1):
        block = _block(names.get(number), denied)
        if runs and runs[-1][1] == block:
            runs.pop()
        runs.append((number, block))
    return runs


def _block(name: str | None, denied: set[str]) -> _Block:
    if name is None or name in NOT_THERE:
        return _answer(_ERROR | errno.ENOSYS)
    if name in denied:
        return _answer(_ERROR | errno.EPERM)
    return _check(CONDITIONS[name]) if name in CONDITIONS else _answer(_ALLOW)


def _answer(action: int) -> _Block:
    return ((_RETURN, 0, 0, action),)


def _check(condition: Condition) -> _Block:
    """Try one alternative after the other."""
    block = tuple(step for tests in condition.allowed for step in _alternative(tests))
    return block + _answer(_ERROR | condition.error)


def _alternative(tests: tuple[Test, ...]) -> _Block:
    """Allow the call if all tests hold, and otherwise go on after this block."""
    block: list[_Instruction] = [(_RETURN, 0, 0, _ALLOW)]
    for test in reversed(tests):
        block.insert(0, (_EQUAL, 0, len(block), test.value))
        if test.mask != 0xFFFFFFFF:
            block.insert(0, (_AND, 0, 0, test.mask))
        block.insert(0, (_LOAD, 0, 0, _ARGUMENTS + 8 * test.argument))
    return tuple(block)
