"""What the contract may say, and what may be wrong with the program.

Both are pieces of ``features.py``, each of which occurs there once. A broken program follows
another rule than the contract's, or has a bug.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """One way to read a rule: the piece of the program, and the contract's sentence."""

    code: str
    sentence: str


RULES = {
    "rounding": (
        Option("= half_even(cents)", "Half a cent is rounded to the even cent."),
        Option("= half_up(cents)", "Half a cent is rounded up."),
    ),
    "rate-day": (
        Option('each["day"]) for each', "A rate is valid from the day on that it is listed for."),
        Option(
            'each["day"] - timedelta(days=1)) for each',
            "A rate is valid from the day after the one that it is listed for.",
        ),
    ),
    "days-between": (
        Option('(order["at"] - earlier["at"]).days', "Periods of 24 hours that have passed."),
        Option('(order["day"] - earlier["day"]).days', "The difference of the two dates."),
    ),
    "counted-by": (
        Option('group = order["store"]', "The customer's orders in the same store are counted."),
        Option(
            'group = order["currency"]', "The customer's orders in the same currency are counted."
        ),
    ),
    "window": (
        Option("WINDOW = timedelta(days=14)", "The window is 14 days (336 hours) long."),
        Option("WINDOW = timedelta(days=28)", "The window is 28 days (672 hours) long."),
    ),
    "window-start": (
        Option('>= order["at"] - WINDOW', "An order exactly as old as the window is counted."),
        Option('> order["at"] - WINDOW', "An order exactly as old as the window is left out."),
    ),
    "window-end": (
        Option("seen = past[:place]", "The order itself is not counted."),
        Option("seen = past[: place + 1]", "The order itself is counted, too."),
    ),
    "spread": (
        Option("ddof=1", "The sum of squares is divided by the number of orders less one."),
        Option("ddof=0", "The sum of squares is divided by the number of orders."),
    ),
    "bands": (
        Option("bisect_right(BANDS", "An amount that equals a bound belongs to the band above it."),
        Option("bisect_left(BANDS", "An amount that equals a bound belongs to the band below it."),
    ),
    "ties": (
        Option("len(larger) + 1", "1 plus the number of orders with a larger amount."),
        Option("len(set(larger)) + 1", "1 plus the number of different larger amounts."),
    ),
}

LOUD = {
    "minor-units": ('100 * MINOR_UNITS[order["currency"]]', "100 * 100"),
    "first-offset": (
        'as_of(changes, order["store"], order["at"])',
        'changes[order["store"]][0][1]',
    ),
    "offset-ignored": (".astimezone(UTC)", ".replace(tzinfo=UTC)"),
    "utc-day": ('order["day"] = order["local"].date()', 'order["day"] = order["at"].date()'),
    "latest-tier": ("(valid or entries)[-1]", "entries[-1]"),
}
"""Bugs that most rows show. Those of QUIET take particular rows."""

QUIET = {
    "overflow": (
        "dtype=np.int64)\n    rate =",
        "dtype=np.int32)\n    rate =",
        "np.array(rate, dtype=np.int64)",
        "np.array(rate, dtype=np.int32)",
    ),
    "null-key": (""" or f"guest {order['order_id']}\"""", ""),
    "id-as-number": ("    return text\n", '    return text.lstrip("0")\n'),
    "sort-as-text": ('int(order["order_id"])))', 'order["order_id"]))'),
    "leap-days": (
        "return day.year - start.year - ((day.month, day.day) < (start.month, start.day))",
        "return (day - start).days // 365",
    ),
    "unsorted-join": ('in sorted(customers, key=lambda row: row["since"]):', "in customers:"),
}


def right_program(program: str, rules: dict[str, int]) -> str:
    """The program that follows the chosen option of each rule."""
    for name, options in RULES.items():
        program = put(program, options[0].code, options[rules[name]].code)
    return program


def broken_program(program: str, rules: dict[str, int], faults: list[str]) -> str:
    """That program with faults, each of which is a bug or a rule that is read the other way."""
    for name in faults:
        if name in RULES:
            right, wrong = rules[name], 1 - rules[name]
            program = put(program, RULES[name][right].code, RULES[name][wrong].code)
        else:
            pieces = (LOUD | QUIET)[name]
            for old, new in zip(pieces[::2], pieces[1::2], strict=True):
                program = put(program, old, new)
    return program


def put(program: str, old: str, new: str) -> str:
    if program.count(old) != 1:
        raise ValueError(f"expected {old!r} once in the program, found {program.count(old)}")
    return program.replace(old, new)
