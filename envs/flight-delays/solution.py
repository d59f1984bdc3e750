"""Weather at the right hour and how it came about, without the date, checked on the last weeks."""

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

NEW_YORK = "America/New_York"
VALIDATION_FROM = 0.85
"""Share of the history that a model is fitted to before it is tried on what follows."""


def weather():
    """What was observed in an hour, and what the hours before it were like."""
    table = pd.read_csv("data/weather.csv")
    table["hour_utc"] = pd.to_datetime(table.pop("observed"), utc=True)
    table = table.sort_values(["origin", "hour_utc"], ignore_index=True)
    airports = table.groupby("origin")
    for hours in (3, 12):
        for name, how in (("precip", "sum"), ("visib", "min"), ("wind_speed", "max")):
            rolled = airports[name].rolling(hours, min_periods=1).agg(how)
            table[f"{name}_{hours}h"] = rolled.reset_index(level=0, drop=True)
    table["pressure_change"] = table["pressure"] - airports["pressure"].shift(3)
    everywhere = table.groupby("hour_utc")[["precip", "visib", "wind_speed"]].mean()
    return table.merge(everywhere.add_suffix("_all"), left_on="hour_utc", right_index=True)


def features(flights):
    hour = flights["sched_dep_time"] // 100
    date = pd.to_datetime(flights["date"])
    local = date + pd.to_timedelta(hour, unit="h")
    table = flights[["origin", "dest", "carrier", "distance", "sched_dep_time", "tailnum"]].copy()
    table["weekday"] = date.dt.day_of_week
    table["hour_utc"] = local.dt.tz_localize(NEW_YORK).dt.tz_convert("UTC")
    table["queue"] = table.groupby(["origin", "hour_utc"])["hour_utc"].transform("size")
    order = flights.sort_values(["date", "sched_dep_time"]).groupby(["date", "tailnum"])
    table["leg"] = order.cumcount()
    table = table.merge(weather(), on=["origin", "hour_utc"], how="left")
    planes = pd.read_csv("data/planes.csv")[["tailnum", "built", "seats"]]
    table = table.merge(planes, on="tailnum", how="left")
    for name in ("origin", "dest", "carrier"):
        table[name] = table[name].astype("category").cat.codes
    return table.drop(columns=["hour_utc", "tailnum"])


def model():
    return HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.06, min_samples_leaf=200, l2_regularization=5, random_state=0
    )


def main():
    train = pd.read_csv("data/train.csv").sort_values("date", ignore_index=True)
    test = pd.read_csv("data/test.csv")
    table = features(pd.concat([train, test], ignore_index=True))
    known, asked, target = table[: len(train)], table[len(train) :], train["disrupted"]
    first = int(VALIDATION_FROM * len(train))
    guesses = model().fit(known[:first], target[:first]).predict_proba(known[first:])[:, 1]
    print(f"validation: {roc_auc_score(target[first:], guesses):.4f}")
    guesses = model().fit(known, target).predict_proba(asked)[:, 1]
    test[["id"]].assign(disrupted=guesses).to_csv("submission.csv", index=False)


if __name__ == "__main__":
    main()
