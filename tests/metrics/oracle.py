"""What docs/grading.md calls a valid submission, decided slowly and without the package's reader.

Only for small inputs: the limits on sizes have tests of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mle_gym.tasks.spec import Column, SubmissionSpec

LONGEST_VALUE = 100_000
SUM_TOLERANCE = 1e-3
ROUNDING = 1e-6

Id = int | str


def read(
    content: bytes, spec: SubmissionSpec, ids: Sequence[Id]
) -> dict[str, list[int | float | str]] | None:
    """The columns of a valid submission in the order of ``ids``, None if it isn't valid."""
    if len(content) > spec.max_bytes or b"\0" in content:
        return None
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    table = records(text)
    if not table or sorted(table[0]) != sorted(spec.columns):
        return None
    header, rows = table[0], table[1:]
    if any(len(row) != len(header) for row in rows):
        return None
    columns: dict[str, list[Any]] = {}
    for name, column in spec.columns.items():
        cells = [row[header.index(name)] for row in rows]
        columns[name] = [value(cell, column) for cell in cells]
        if None in columns[name]:
            return None
    if sorted(columns[spec.id], key=str) != sorted(ids, key=str):
        return None
    for at in range(len(rows)):
        total = sum(columns[name][at] for name in spec.sum_to_one)
        if spec.sum_to_one and abs(total - 1) > SUM_TOLERANCE:
            return None
    order = [columns[spec.id].index(wanted) for wanted in ids]
    return {name: [values[at] for at in order] for name, values in columns.items()}


def records(text: str) -> list[list[str]] | None:
    """The rows of a CSV file without the blank lines; None if its quotes don't match."""
    table: list[list[str]] = []
    row: list[str] = []
    cell, state, at = "", "start", 0
    while at < len(text):
        character = text[at]
        at += 1
        if state == "quoted":
            if character != '"':
                cell += character
            elif text[at : at + 1] == '"':
                cell, at = cell + '"', at + 1
            else:
                state = "closed"
        elif character in "\r\n":
            if row or state != "start":
                table.append([*row, cell])
            row, cell, state = [], "", "start"
        elif character == ",":
            row, cell, state = [*row, cell], "", "start"
        elif state == "closed":
            return None
        elif character == '"' and state == "start":
            state = "quoted"
        else:
            cell, state = cell + character, "plain"
    if state == "quoted":
        return None
    return [*table, [*row, cell]] if row or state != "start" else table


def value(cell: str, column: Column) -> int | float | str | None:
    """What a cell stands for, None if the column doesn't allow it."""
    if len(cell) > LONGEST_VALUE:
        return None
    if column.type == "str":
        return cell if column.values is None or cell in column.values else None
    found = whole(cell) if column.type == "int" else decimal(cell)
    if found is None or (column.values is not None and found not in column.values):
        return None
    low, high = (0.0, 1.0) if column.type == "probability" else (column.min, column.max)
    slack = 0.0 if column.type == "int" else ROUNDING
    if low is not None and found < low:
        return low if found >= low - slack * max(1.0, abs(low)) and slack else None
    if high is not None and found > high:
        return high if found <= high + slack * max(1.0, abs(high)) and slack else None
    return found


def decimal(cell: str) -> float | None:
    """A plain decimal number that a float can hold."""
    if split(cell) is None:
        return None
    number = float(cell)
    return number if abs(number) != float("inf") else None


def whole(cell: str) -> int | None:
    """A whole number within 64 bits, however it is written."""
    parts = split(cell)
    if parts is None:
        return None
    negative, digits, shift = parts
    if not digits:
        return 0
    if shift < 0 or len(digits) + shift > 19:
        return None
    number = int(digits) * 10**shift * (-1 if negative else 1)
    return number if -(2**63) <= number < 2**63 else None


def split(cell: str) -> tuple[bool, str, int] | None:
    """Whether it is negative, its digits without outer zeros, and the power of ten to them."""
    cell = cell.strip(" ")
    negative = cell[:1] == "-"
    cell = cell[1:] if cell[:1] in ("+", "-") else cell
    mantissa, letter, exponent = cell.lower().partition("e")
    power = exponent[1:] if exponent[:1] in ("+", "-") else exponent
    before, _, after = mantissa.partition(".")
    if not are_digits(before + after) or (letter and not are_digits(power)):
        return None
    digits = (before + after).lstrip("0")
    power = power.lstrip("0") or "0"
    shift = int(power[:9]) * (10**9 if len(power) > 9 else 1) * (-1 if exponent[:1] == "-" else 1)
    return negative, digits.rstrip("0"), shift - len(after) + len(digits) - len(digits.rstrip("0"))


def scorable(metric: str, params: Mapping[str, Any], predicted: Sequence[Sequence[Any]]) -> bool:
    """Whether a metric accepts the predicted columns, as far as that shows without answers."""
    cells = [cell for column in predicted for cell in column]
    if metric in ("kappa", "matthews"):
        return len(set(cells)) <= 1000
    if metric in ("linear_kappa", "quadratic_kappa"):
        labels = params.get("labels")
        return set(cells) <= set(labels) if labels else max(cells) - min(cells) <= 1000
    if metric in ("log_loss", "brier"):
        sums = [sum(row) for row in zip(*predicted, strict=True)]
        return all(0 <= cell <= 1 for cell in cells) and (len(predicted) == 1 or 0 not in sums)
    if metric in ("rmsle", "mcrmsle"):
        return all(cell >= 0 for cell in cells)
    if metric in ("dice", "iou"):
        return all(is_mask(cell, params.get("pixels")) for cell in cells)
    return metric != "levenshtein" or all(len(cell) <= 20_000 for cell in cells)


def is_mask(cell: str, pixels: int | None) -> bool:
    """Pairs ``start length``, ascending, apart, and inside the picture."""
    words = cell.split()
    if len(words) % 2 or not all(are_digits(word) and len(word) <= 15 for word in words):
        return False
    end = 1
    for start, length in zip(map(int, words[::2]), map(int, words[1::2]), strict=True):
        if start < end or length < 1:
            return False
        end = start + length
    return pixels is None or end <= pixels + 1


def are_digits(text: str) -> bool:
    """ASCII digits, at least one."""
    return bool(text) and all("0" <= character <= "9" for character in text)
