"""Reads the contract, and writes a program of its own that does what it says."""

from pathlib import Path

PROGRAM = '''\
"""Features of orders, as data/CONTRACT.md defines them."""

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd

UNITS = {"JPY": 1, "KWD": 1000}
RULES = __RULES__


def read(name):
    return pd.read_csv(f"data/{name}.csv", dtype=str, keep_default_na=False)


orders, customers, clocks, rates = map(read, ("orders", "customers", "clocks", "rates"))
orders["number"] = orders["order_id"].astype(int)
orders["at"] = pd.to_datetime(orders["placed_at"], utc=True, format="ISO8601")
orders = orders.sort_values(["at", "number"]).reset_index(drop=True)
clocks["at"] = pd.to_datetime(clocks["from"], utc=True, format="ISO8601")
orders = pd.merge_asof(
    orders, clocks[["store", "at", "utc_offset_minutes"]].sort_values("at"), on="at", by="store"
)
shift = pd.to_timedelta(orders["utc_offset_minutes"].astype(int), unit="min")
orders["local"] = (orders["at"] + shift).dt.tz_localize(None)
orders["date"] = orders["local"].dt.normalize()

rates["date"] = pd.to_datetime(rates["day"])
if RULES["rate the day after"]:
    rates["date"] += pd.Timedelta(days=1)
orders = pd.merge_asof(
    orders.sort_values("date", kind="stable"),
    rates[["currency", "date", "eur"]].sort_values("date"),
    on="date",
    by="currency",
).sort_values(["at", "number"])
rounding = ROUND_HALF_UP if RULES["half up"] else ROUND_HALF_EVEN
worth = [
    Decimal(amount) * Decimal(rate) / UNITS.get(currency, 100)
    for amount, rate, currency in zip(orders["amount"], orders["eur"], orders["currency"])
]
orders["cents"] = [int(each.scaleb(2).to_integral_value(rounding)) for each in worth]
orders["amount_eur"] = orders["cents"] / 100
orders["local_hour"] = orders["local"].dt.hour
orders["weekend"] = orders["date"].dt.dayofweek.isin([5, 6]).astype(int)

guest = orders["customer"] == ""
orders["who"] = orders["customer"].where(~guest, "guest " + orders["order_id"])
by_customer = orders.groupby("who", sort=False)
clock = "date" if RULES["dates"] else "at"
since = (orders[clock] - by_customer[clock].shift()) // pd.Timedelta(days=1)
orders["days_since_previous"] = since.fillna(-1).astype(int)
group = "currency" if RULES["by currency"] else "store"
orders["order_number"] = orders.groupby(["who", group]).cumcount() + 1
spread = by_customer["cents"].expanding().std(ddof=0 if RULES["population"] else 1)
orders["spread_eur"] = (spread.droplevel(0) / 100).fillna(0).round(2)

window = np.timedelta64(28 if RULES["28 days"] else 14, "D")
orders["spend_window"] = 0.0
for rows in by_customer.indices.values():
    at = orders["at"].to_numpy("datetime64[us]")[rows]
    total = np.concatenate([[0], orders["cents"].to_numpy()[rows].cumsum()])
    first = np.searchsorted(at, at - window, "right" if RULES["oldest left out"] else "left")
    last = np.arange(len(rows)) + RULES["itself"]
    spent = total[np.maximum(last, first)] - total[first]
    orders.iloc[rows, orders.columns.get_loc("spend_window")] = spent / 100

customers["since"] = pd.to_datetime(customers["since"])
customers = customers.sort_values("since")
joined = pd.to_datetime(customers.groupby("customer")["joined"].first())
joined = orders["customer"].map(joined)
years = orders["date"].dt.year - joined.dt.year
early = orders["date"].dt.strftime("%m%d") < joined.dt.strftime("%m%d")
orders["tenure_years"] = (years - early).where(~guest, -1).astype(int)
tiers = pd.merge_asof(
    orders[["number", "customer", "date"]].sort_values("date"),
    customers[["customer", "since", "tier"]],
    left_on="date",
    right_on="since",
    by="customer",
).set_index("number")["tier"]
first_tier = orders["customer"].map(customers.groupby("customer")["tier"].first())
tier = orders["number"].map(tiers).fillna(first_tier)
orders["tier"] = tier.where(~guest, "0").astype(int)

side = "left" if RULES["band below"] else "right"
orders["amount_band"] = np.searchsorted([2000, 5000, 20000], orders["cents"], side=side)
method = "dense" if RULES["dense"] else "min"
in_day = orders.groupby(["store", "date"])["cents"]
orders["day_rank"] = in_day.rank(method=method, ascending=False).astype(int)
names = """order_id amount_eur local_hour weekend days_since_previous order_number spend_window
spread_eur tenure_years tier amount_band day_rank"""
orders[names.split()].to_csv("features.csv", index=False)
'''
SAID = {
    "rate the day after": "valid from the day after",
    "half up": "rounded up",
    "dates": "difference of the two dates",
    "by currency": "in the same currency",
    "28 days": "28 days",
    "oldest left out": "is left out",
    "itself": "itself is counted",
    "population": "divided by the number of orders.",
    "band below": "the band below",
    "dense": "number of different larger amounts",
}

contract = " ".join(Path("data/CONTRACT.md").read_text(encoding="utf-8").split())
rules = {name: words in contract for name, words in SAID.items()}
Path("features.py").write_text(PROGRAM.replace("__RULES__", repr(rules)), encoding="utf-8")
