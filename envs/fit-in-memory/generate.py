"""A large file of orders, and questions about it that only a pass over all of it answers."""

import json

import numpy as np
import pandas as pd

from mle_gym.datasets.toolkit import Instance

ROWS = {"micro": 4000, "small": 12_000, "full": 60_000}
"""Orders to try a program on."""
HIDDEN = 150_000
USERS, ITEMS, REGIONS = 50_000, 4000, 8
PLANS = ("basic", "family", "company")
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
EASY = ("total", "largest", "count_from")
HARD = (
    "quantile",
    "distinct_users",
    "distinct_pairs",
    "top_items",
    "top_users",
    "plan_total",
    "median_spend",
    "users_with",
    "commonest",
)


def generate(rng: np.random.Generator, size: str, difficulty: float) -> Instance:
    questions = draw_questions(rng, 2 + round(5 * difficulty))
    trial, hidden = (world(rng, rows) for rows in (ROWS[size], HIDDEN))
    right = answers(*hidden, questions)
    return Instance(
        public={
            **files(*trial),
            "questions.json": json.dumps(questions, indent=1) + "\n",
            "expected.csv": answers(*trial, questions),
            "sample_submission.csv": right.assign(value=0),
        },
        inputs=files(*hidden),
        answers=right,
        floor=0.0,
        ceiling=1.0,
    )


def draw_questions(rng: np.random.Generator, hard: int) -> list[dict[str, object]]:
    """Three easy ones and some hard ones in any order; more difficulty adds to the same ones."""
    settings = {
        "quantile": {"q": float(rng.choice([0.1, 0.25, 0.5, 0.75, 0.9, 0.99]))},
        "count_from": {"cents": int(rng.integers(1000, 4000))},
        "top_items": {"by": str(rng.choice(["orders", "cents"]))},
        "plan_total": {"plan": str(rng.choice(PLANS))},
        "users_with": {"orders": int(rng.integers(2, 4))},
    }
    kinds = [*EASY, *map(str, rng.permutation(HARD))][: len(EASY) + hard]
    order = np.argsort(rng.random(len(EASY) + len(HARD))[: len(kinds)])
    return [
        {"question": number, "statistic": kinds[at], **settings.get(kinds[at], {})}
        for number, at in enumerate(order, start=1)
    ]


def world(rng: np.random.Generator, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Orders, of which some users and items have many, and the plan of each user."""
    users = max(200, rows * USERS // HIDDEN)
    orders = pd.DataFrame(
        {
            "order": rng.integers(16**11, 16**12, rows),
            "user": (users * rng.beta(0.7, 2.5, rows)).astype(int),
            "item": rng.permutation(16**5)[(ITEMS * rng.beta(0.6, 3.0, rows)).astype(int)],
            "region": rng.choice(REGIONS, rows, p=np.arange(3, 3 + REGIONS) / 52) + 1,
            "cents": np.minimum(np.round(np.exp(rng.normal(7.5, 0.8, rows))), 999_999).astype(int),
        }
    )
    names = np.unique(rng.integers(16**7, 16**8, 2 * users))
    names = rng.permutation(names)[:users]
    orders["user"] = names[orders["user"]]
    plans = pd.DataFrame({"user": np.sort(names), "plan": rng.integers(0, len(PLANS), users)})
    return orders, plans


def files(orders: pd.DataFrame, plans: pd.DataFrame) -> dict[str, bytes]:
    """Both tables as the warehouse exports them: ids in base 16, cents with leading zeros."""
    letters = np.array([list(name.ljust(7)) for name in PLANS], dtype="S1").view(np.uint8)
    plan_names = letters[plans["plan"].to_numpy()]
    return {
        "orders.csv": lines("order,user,item,region,cents", [
            digits(orders["order"], 12), digits(orders["user"], 8), digits(orders["item"], 6),
            digits(orders["region"], 1), digits(orders["cents"], 7, 10)]),
        "users.csv": lines("user,plan", [digits(plans["user"], 8), plan_names]).replace(b" ", b""),
    }  # fmt: skip


def digits(values: pd.Series, width: int, base: int = 16) -> np.ndarray:
    """The digits of each value, a row of characters each."""
    powers = np.array([base**place for place in reversed(range(width))])
    return HEX[values.to_numpy()[:, None] // powers % base]


def lines(header: str, columns: list[np.ndarray]) -> bytes:
    """A CSV file of columns of equally long cells."""
    ends = [np.full((len(columns[0]), 1), ord(each), np.uint8) for each in ",\n"]
    parts = [part for column in columns for part in (column, ends[0])]
    return f"{header}\n".encode() + np.hstack([*parts[:-1], ends[1]]).tobytes()


def answers(
    orders: pd.DataFrame, plans: pd.DataFrame, questions: list[dict[str, object]]
) -> pd.DataFrame:
    """Eight numbers for each question."""
    rows = []
    for asked in questions:
        values = answer(orders, plans, asked)
        rows += [(10 * asked["question"] + at, value) for at, value in enumerate(values, start=1)]
    return pd.DataFrame(rows, columns=["id", "value"])


def answer(orders: pd.DataFrame, plans: pd.DataFrame, asked: dict[str, object]) -> list[int]:
    """By region; of the eight largest where the question is about the top."""
    kind, regions = asked["statistic"], orders.groupby("region")
    if kind == "top_items":
        items = orders.groupby("item")["cents"]
        sums = items.count() if asked["by"] == "orders" else items.sum()
        return sums.nlargest(REGIONS).tolist()
    if kind == "top_users":
        return orders["user"].value_counts().nlargest(REGIONS).tolist()
    per_user = orders.groupby(["region", "user"])["cents"].agg(["sum", "size"]).groupby("region")
    if kind == "plan_total":
        chosen = plans.loc[plans["plan"] == PLANS.index(asked["plan"]), "user"]
        regions = orders[orders["user"].isin(chosen)].groupby("region")
    found = {
        "total": lambda: regions["cents"].sum(),
        "largest": lambda: regions["cents"].max(),
        "count_from": lambda: (orders["cents"] >= asked["cents"]).groupby(orders["region"]).sum(),
        "quantile": lambda: regions["cents"].apply(lambda each: nearest_rank(each, asked["q"])),
        "distinct_users": lambda: regions["user"].nunique(),
        "distinct_pairs": lambda: orders.drop_duplicates(["region", "user", "item"])
        .groupby("region").size(),
        "plan_total": lambda: regions["cents"].sum(),
        "median_spend": lambda: per_user["sum"].apply(lambda each: nearest_rank(each, 0.5)),
        "users_with": lambda: per_user["size"].apply(lambda each: (each >= asked["orders"]).sum()),
        "commonest": lambda: regions["cents"].apply(lambda each: each.mode().min()),
    }[kind]()  # fmt: skip
    return found.reindex(range(1, REGIONS + 1), fill_value=0).astype(int).tolist()


def nearest_rank(values: pd.Series, q: float) -> int:
    """The smallest value that at least a share of q doesn't exceed."""
    return int(np.sort(values)[int(np.ceil(round(q * len(values), 6))) - 1])
