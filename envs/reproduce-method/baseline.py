"""Writes the analysis as libraries do it by default, whatever the methods section says."""

from pathlib import Path

PROGRAM = """\
import pandas as pd

readings = pd.read_csv("data/readings.csv")
values = readings[readings["value"] >= 0]
values = values.drop_duplicates(["trial", "subject", "visit"]).sort_values("visit")
subjects = values.groupby(["trial", "arm", "subject"])["value"].agg(["first", "last"]).reset_index()
subjects["change"] = (subjects["last"] - subjects["first"]).round(9)
subjects["rank"] = subjects.groupby("trial")["change"].rank()
subjects["id"] = 10 * subjects["trial"] + subjects["arm"].map({"placebo": 0, "low": 1, "high": 2})
arms = subjects.groupby("id")
table = pd.DataFrame(
    {
        "subjects": arms.size(),
        "mean": arms["change"].mean(),
        "sd": arms["change"].std(),
        "mean_rank": arms["rank"].mean(),
        "upper_quartile": arms["change"].quantile(0.75),
    }
)
table.to_csv("table.csv")
"""

Path("analyse.py").write_text(PROGRAM, encoding="utf-8")
