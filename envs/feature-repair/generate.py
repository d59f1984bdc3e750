"""Orders of a shop, features that a contract defines, and a program that gets some wrong."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

from .catalogue import LOUD, QUIET, RULES, broken_program, right_program
from .grade import share_right

ROWS = {"micro": 300, "small": 800, "full": 4000}
"""Orders with known features."""
HIDDEN = 2000
STORES = {"lisbon": "EUR", "berlin": "EUR", "new_york": "USD", "tokyo": "JPY"}
OFFSETS = {"lisbon": 0, "berlin": 60, "new_york": -300, "tokyo": 540}
RATES = {"EUR": (1.0,), "GBP": (1.1, 1.3, 1.15), "USD": (0.9, 0.7, 0.85), "JPY": (0.006, 0.0065),
         "KWD": (3.0, 2.9, 3.05)}  # fmt: skip
MINOR_UNITS = {"EUR": 100, "GBP": 100, "USD": 100, "JPY": 1, "KWD": 1000}
PRICES = (9.9, 14.95, 19.9, 24.95, 35.0, 49.9, 79.0, 99.95, 120.0, 149.0, 199.0, 249.0)
BOUNDS = (20, 50, 200)
DAYS = 66
FOLDER = Path(__file__).parent


def generate(rng: np.random.Generator, size: str, difficulty: float) -> Instance:
    rules = {name: int(rng.integers(2)) for name in RULES}
    faults = draw_faults(rng, 4 + round(4 * difficulty))
    right = right_program((FOLDER / "features.py").read_text(encoding="utf-8"), rules)
    broken = broken_program(right, rules, faults)

    year = int(rng.choice([2023, 2024, 2025]))
    start = datetime(year, 2, 20, tzinfo=UTC)
    shared = {"clocks.csv": clocks(year), "rates.csv": rates(rng, start)}
    rows = ROWS[size] + HIDDEN
    numbers = 10_000 - round(0.6 * rows) + rng.permutation(rows + rows // 5)[:rows]
    examples = world(rng, start, numbers[HIDDEN:], edges=0.10 - 0.04 * difficulty)
    hidden = world(rng, start, numbers[:HIDDEN], edges=0.5)
    known, answers = (run(right, {**shared, **each}) for each in (examples, hidden))
    return Instance(
        public={
            **shared,
            **examples,
            "features.py": broken,
            "CONTRACT.md": contract(rules),
            "expected.csv": known,
            "sample_submission.csv": known.assign(**dict.fromkeys(known.columns[1:], 0)),
        },
        inputs=hidden,
        answers=answers,
        floor=share_right(run(broken, {**shared, **hidden}), answers)[0],
        ceiling=1.0,
        truth={"rules": rules, "faults": faults},
    )


def draw_faults(rng: np.random.Generator, count: int) -> list[str]:
    """Two that most rows show, two rules that are read the other way, and any others."""
    loud, rules = rng.permutation(sorted(LOUD)), rng.permutation(sorted(RULES))
    other = rng.permutation([*loud[2:], *rules[2:], *sorted(QUIET)])
    return [str(name) for name in [*loud[:2], *rules[:2], *other]][:count]


def run(program: str, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """What a program makes of the tables."""
    names = ("orders.csv", "customers.csv", "clocks.csv", "rates.csv")
    space = {"__name__": "features"}
    exec(compile(program, "features.py", "exec"), space)
    rows = [cells(tables[name]) for name in names]
    return pd.DataFrame(space["features"](*rows))


def cells(table: pd.DataFrame) -> list[dict[str, str]]:
    """The rows as csv.DictReader reads them."""
    columns = [map(str, table[name].tolist()) for name in table.columns]
    return [dict(zip(table.columns, row, strict=True)) for row in zip(*columns, strict=True)]


def contract(rules: dict[str, int]) -> str:
    """The contract with the options that this variant has."""
    text = (FOLDER / "contract.md").read_text(encoding="utf-8")
    for name, at in rules.items():
        text = text.replace(f"{{{name}}}", RULES[name][at].sentence)
    return text


def clocks(year: int) -> pd.DataFrame:
    """When the stores' clocks change: the last Sunday of March in Europe, the second in America."""
    winter = datetime(year - 1, 12, 1, tzinfo=UTC)
    march = datetime(year, 3, 1, tzinfo=UTC)
    second = march + timedelta(days=(6 - march.weekday()) % 7 + 7, hours=7)
    last = march.replace(day=31, hour=1) - timedelta(days=(march.replace(day=31).weekday() + 1) % 7)
    changes = {"lisbon": last, "berlin": last, "new_york": second}
    rows = [(store, winter, offset) for store, offset in OFFSETS.items()]
    rows += [(store, when, OFFSETS[store] + 60) for store, when in changes.items()]
    table = pd.DataFrame(rows, columns=["store", "from", "utc_offset_minutes"])
    return table.assign(**{"from": [when.isoformat() for when in table["from"]]})


def rates(rng: np.random.Generator, start: datetime) -> pd.DataFrame:
    """A rate of each currency every fourth day."""
    rows = [
        (currency, (start + timedelta(days=day)).date().isoformat(), rng.choice(values))
        for day in range(-8, DAYS + 40, 4)
        for currency, values in RATES.items()
    ]
    return pd.DataFrame(rows, columns=["currency", "day", "eur"])


def world(
    rng: np.random.Generator, start: datetime, order_ids: np.ndarray, edges: float
) -> dict[str, pd.DataFrame]:
    """Orders with these numbers, and their customers; edges is how often rows show quiet faults."""
    found, customers = [], []
    numbers = iter(rng.permutation(np.arange(100, 100_000)))
    rows = len(order_ids)
    while len(found) < rows:
        number = str(next(numbers))
        for name in [number, f"0{number}"][: 1 + (rng.random() < edges)]:
            past = history(rng, start, name, edges)
            customers += entries(rng, start, name, past, edges)
            found += past
    orders = pd.DataFrame(found[:rows])
    orders.insert(0, "order_id", order_ids)
    orders.loc[rng.random(rows) < 0.4 * edges, "customer"] = ""
    orders["placed_at"] = [written(rng, when) for when in orders["placed_at"]]
    tables = {"orders.csv": orders, "customers.csv": pd.DataFrame(customers)}
    return {name: table.iloc[rng.permutation(len(table))] for name, table in tables.items()}


def history(
    rng: np.random.Generator, start: datetime, name: str, edges: float
) -> list[dict[str, object]]:
    """The orders of a customer; many begin on the day of a sale."""
    home, found = str(rng.choice(list(STORES))), []
    day = rng.choice([9, 24, 39]) if rng.random() < 0.5 else rng.integers(0, DAYS)
    now = start + timedelta(days=int(day), seconds=int(rng.integers(0, 86_400)))
    while now < start + timedelta(days=DAYS) and len(found) < 20:
        store = home if rng.random() < 0.8 else str(rng.choice(list(STORES)))
        currency, amount = payment(rng, STORES[store], edges)
        found.append({"customer": name, "store": store, "placed_at": now,
                      "currency": currency, "amount": amount})  # fmt: skip
        if rng.random() < 0.8 * edges:
            now += timedelta(days=int(rng.choice([0, 14, 14, 28])))
        else:
            now += timedelta(seconds=60 + int(rng.exponential(6 * 86_400)))
    return found


def payment(rng: np.random.Generator, currency: str, edges: float) -> tuple[str, int]:
    """A currency, and an amount in its minor unit."""
    if rng.random() < 0.3:
        currency = str(rng.choice(list(RATES)))
    price = rng.choice(PRICES) if rng.random() < 0.5 else rng.lognormal(4, 1)
    if rng.random() < edges:
        kind = rng.integers(3)
        if kind == 0:
            return "EUR", 100 * int(rng.choice(BOUNDS))
        if kind == 1:
            return str(rng.choice(["GBP", "USD"])), 10 * int(rng.integers(40, 3000)) + 5
        price *= 100
    per_euro = {"JPY": 160.0}.get(currency, 1.0)
    return currency, max(1, round(price * per_euro * MINOR_UNITS[currency]))


def entries(
    rng: np.random.Generator,
    start: datetime,
    name: str,
    past: list[dict[str, object]],
    edges: float,
) -> list[dict[str, object]]:
    """A customer's entries: one for joining, and one for each change of tier."""
    day = start + timedelta(days=int(rng.integers(0, 365)))
    if rng.random() < edges:  # the anniversary is soon after an order
        day = past[rng.integers(len(past))]["placed_at"] + timedelta(days=int(rng.integers(1, 4)))
    joined = (day - timedelta(days=int(rng.integers(5, 20)) * 365.25)).date().isoformat()
    changes = sorted(rng.integers(-40, DAYS, rng.integers(0, 4)))
    days = [joined, *((start + timedelta(days=int(n))).date().isoformat() for n in changes)]
    tiers = (np.arange(len(days)) + rng.integers(3)) % 3 + 1
    return [{"customer": name, "since": since, "tier": int(tier), "joined": joined}
            for since, tier in zip(dict.fromkeys(days), tiers, strict=False)]  # fmt: skip


def written(rng: np.random.Generator, when: datetime) -> str:
    """A time as the customer's device writes it."""
    offset = int(rng.choice([-480, -300, 60, 120, 540])) if rng.random() < 0.35 else 0
    return when.astimezone(timezone(timedelta(minutes=offset))).isoformat()
