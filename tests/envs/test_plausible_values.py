"""Generated tables hold no value that the trade they are about doesn't have."""

from __future__ import annotations

import pandas as pd

from mle_gym.datasets.dataset import Dataset, DatasetOptions
from mle_gym.datasets.prepare import prepare
from mle_gym.tasks.catalog import load_task


def prepared(name: str) -> Dataset:
    return prepare(load_task(name), DatasetOptions(2, size="micro"))


def test_parcels_arrive_within_a_working_day_and_the_window_that_was_announced() -> None:
    history = pd.read_csv(prepared("drift-stream").public / "history.csv")
    assert history["planned_hour"].between(5, 22).all()
    assert history["window_min"].between(0, 120).all()
    for column in ("spending_index", "parcel_kg", "order_eur", "address_score"):
        assert history[column].min() > 0
    assert history["address_score"].max() < 100


def test_each_product_of_the_food_hall_has_one_price() -> None:
    public = prepared("demand").public
    products, test = (pd.read_csv(public / name) for name in ("products.csv", "test.csv"))
    assert sorted(products["product"]) == sorted(test["product"].unique())
    assert products["price_eur"].between(0.4, 30).all()


def test_discounts_are_whole_percents() -> None:
    table = pd.read_csv(prepared("demand").public / "train.csv", dtype=str)
    assert set(table["discount"].dropna()) == {"5", "10", "20", "30", "50"}


def test_the_registers_hold_no_account_numbers() -> None:
    accounts = pd.read_csv(prepared("dirty-join").public / "test.csv")["account"].dropna()
    assert accounts.str.fullmatch("tok_[0-9a-f]{8}").all()
