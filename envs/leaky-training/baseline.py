"""Boosted trees on every field, with each customer's share of late invoices: fine in hindsight."""

import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier

train, test = pd.read_csv("data/train.csv"), pd.read_csv("data/test.csv")
late = train.groupby("customer")["late"].mean()
for table in (train, test):
    table["amount"] = table["amount"].astype(str).str.replace(",", ".").astype(float)
    table["customer_late"] = table["customer"].map(late)
fields = [name for name in test.select_dtypes("number") if name not in ("id", "order_no")]
typical = train[fields].median()
model = GradientBoostingClassifier(n_estimators=40, max_depth=3, random_state=0)
model.fit(train[fields].fillna(typical), train["late"])
chance = model.predict_proba(test[fields].fillna(typical))[:, 1]
test[["id"]].assign(late=chance).to_csv("submission.csv", index=False)
