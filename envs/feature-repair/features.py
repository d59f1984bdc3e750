"""Computes the payment model's features: reads data/*.csv, writes features.csv."""

import bisect
import csv
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np

MINOR_UNITS = {"EUR": 100, "GBP": 100, "USD": 100, "JPY": 1, "KWD": 1000}
WINDOW = timedelta(days=14)
BANDS = (20, 50, 200)
NAMES = (
    "amount_eur",
    "local_hour",
    "weekend",
    "days_since_previous",
    "order_number",
    "spend_window",
    "spread_eur",
    "tenure_years",
    "tier",
    "amount_band",
    "day_rank",
)


def read(name):
    with Path("data", name).open(newline="") as file:
        return list(csv.DictReader(file))


def moment(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def customer_key(text):
    return text


def half_even(value):
    return round(value)


def half_up(value):
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def as_of(table, key, when):
    """The value of the last entry that is not later; entries are (when, value) in order."""
    entries = table[key]
    return entries[max(bisect.bisect_right(entries, when, key=lambda entry: entry[0]) - 1, 0)][1]


def set_clocks(orders, clocks):
    changes = defaultdict(list)
    for row in clocks:
        changes[row["store"]].append((moment(row["from"]), int(row["utc_offset_minutes"])))
    for order in orders:
        order["at"] = moment(order["placed_at"])
        offset = as_of(changes, order["store"], order["at"])
        order["local"] = order["at"] + timedelta(minutes=offset)
        order["day"] = order["local"].date()


def convert(orders, rates):
    published = defaultdict(list)
    for row in rates:
        published[row["currency"]].append(
            (date.fromisoformat(row["day"]), round(10_000 * float(row["eur"])))
        )
    paid = np.array([int(order["amount"]) for order in orders], dtype=np.int64)
    rate = [as_of(published, each["currency"], each["day"]) for each in orders]
    worth = paid * np.array(rate, dtype=np.int64)
    for order, each in zip(orders, worth, strict=True):
        cents = Fraction(int(each), 100 * MINOR_UNITS[order["currency"]])
        order["cents"] = half_even(cents)
        order["amount_eur"] = order["cents"] / 100


def in_order(orders):
    return sorted(orders, key=lambda order: (order["at"], int(order["order_id"])))


def by_customer(orders):
    found = defaultdict(list)
    for order in in_order(orders):
        key = customer_key(order["customer"]) or f"guest {order['order_id']}"
        found[key].append(order)
    return found


def add_history(past):
    """Features of a customer's orders that look back at the earlier ones."""
    counts = Counter()
    for place, order in enumerate(past):
        group = order["store"]
        counts[group] += 1
        order["order_number"] = counts[group]
        order["days_since_previous"] = days_between(past[place - 1], order) if place else -1
        seen = past[:place]
        recent = [each["cents"] for each in seen if each["at"] >= order["at"] - WINDOW]
        order["spend_window"] = sum(recent) / 100
        so_far = [each["amount_eur"] for each in past[: place + 1]]
        order["spread_eur"] = round(float(np.std(so_far, ddof=1)), 2) if place else 0.0


def days_between(earlier, order):
    return (order["at"] - earlier["at"]).days


def add_customer(past, entries):
    """Features that come from the customer's entries; guests have none."""
    for order in past:
        order["tenure_years"], order["tier"] = -1, 0
        if entries:
            order["tenure_years"] = full_years(entries[0]["joined"], order["day"])
            valid = [each for each in entries if each["since"] <= order["day"].isoformat()]
            order["tier"] = int((valid or entries)[-1]["tier"])


def full_years(joined, day):
    start = date.fromisoformat(joined)
    return day.year - start.year - ((day.month, day.day) < (start.month, start.day))


def add_ranks(orders):
    days = defaultdict(list)
    for order in orders:
        days[order["store"], order["day"]].append(order["cents"])
    for order in orders:
        larger = [each for each in days[order["store"], order["day"]] if each > order["cents"]]
        order["day_rank"] = len(larger) + 1


def features(orders, customers, clocks, rates):
    set_clocks(orders, clocks)
    convert(orders, rates)
    entries = defaultdict(list)
    for row in sorted(customers, key=lambda row: row["since"]):
        entries[customer_key(row["customer"])].append(row)
    for key, past in by_customer(orders).items():
        add_history(past)
        add_customer(past, entries.get(key))
    add_ranks(orders)
    for order in orders:
        order["local_hour"] = order["local"].hour
        order["weekend"] = int(order["day"].weekday() >= 5)
        order["amount_band"] = bisect.bisect_right(BANDS, order["amount_eur"])
    return [{name: order[name] for name in ("order_id", *NAMES)} for order in orders]


def main():
    names = ("orders.csv", "customers.csv", "clocks.csv", "rates.csv")
    rows = features(*map(read, names))
    with Path("features.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
