"""Titles, families and ticket groups, in a vote of three kinds of model."""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

COMMON_TITLES = {"Mr", "Mrs", "Miss", "Master"}
SYNONYMS = {"Mlle": "Miss", "Ms": "Miss", "Mme": "Mrs"}


def read():
    """Train and test rows in one table, so that groups that span both are whole."""
    train = pd.read_csv("data/train.csv")
    test = pd.read_csv("data/test.csv")
    return pd.concat([train, test], ignore_index=True), len(train)


def mates_survival(passengers, group, keep):
    """Share of the labelled others in ``group`` who survived, shrunk towards the overall share.

    ``keep`` says whose fate counts; a passenger's own never does.
    """
    known = passengers["survived"].where(keep)
    prior = passengers["survived"].mean()
    total = known.groupby(group).transform("sum") - known.fillna(0)
    count = known.groupby(group).transform("count") - known.notna()
    return (total + prior) / (count + 1)


def features(passengers):
    """One row of numbers and categories per passenger."""
    surname, _, rest = (passengers["name"].str.partition(",")[i] for i in range(3))
    title = rest.str.extract(r"([A-Za-z]+)\.")[0].replace(SYNONYMS)
    title = title.where(title.isin(COMMON_TITLES), "Rare")
    relatives = passengers["sibsp"] + passengers["parch"]
    tickets = passengers.groupby("ticket")["ticket"].transform("size")
    age = (
        passengers["age"]
        .fillna(passengers.groupby([title, "pclass"])["age"].transform("median"))
        .fillna(passengers["age"].median())
    )
    fare = passengers["fare"].fillna(passengers.groupby("pclass")["fare"].transform("median"))
    family = (surname + passengers["pclass"].astype(str)).where(relatives > 0, passengers["ticket"])
    not_men = title != "Mr"
    return pd.DataFrame(
        {
            "title": title,
            "sex_class": passengers["sex"] + passengers["pclass"].astype(str),
            "embarked": passengers["embarked"].fillna("S"),
            "pclass": passengers["pclass"],
            "age": age,
            "child": age < 14,
            "log_fare_each": np.log1p(fare / tickets),
            "relatives": relatives,
            "group_size": np.maximum(tickets, relatives + 1),
            "ticket_mates": mates_survival(passengers, passengers["ticket"], not_men),
            "family_mates": mates_survival(passengers, family, not_men),
        }
    )


def model():
    categories = ["title", "sex_class", "embarked"]
    boosting = {"n_estimators": 120, "learning_rate": 0.04, "subsample": 0.6, "max_features": 0.4}
    voters = [
        ("linear", LogisticRegression(C=0.1, max_iter=2000)),
        ("forest", RandomForestClassifier(300, min_samples_leaf=4, random_state=0)),
        ("boosting", GradientBoostingClassifier(**boosting, random_state=0)),
    ]
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", min_frequency=8), categories),
        remainder=StandardScaler(),
    )
    return make_pipeline(encode, VotingClassifier(voters, voting="soft"))


def main():
    passengers, known = read()
    table = features(passengers)
    fitted = model().fit(table[:known], passengers["survived"][:known].astype(int))
    submission = passengers[["PassengerId"]][known:].assign(survived=fitted.predict(table[known:]))
    submission.to_csv("submission.csv", index=False)


if __name__ == "__main__":
    main()
