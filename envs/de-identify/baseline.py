"""Keeps no column that names people, takes birth and area coarse, and blanks names in notes."""

from pathlib import Path

Path("deidentify.py").write_text(r"""
import re
from pathlib import Path

import pandas as pd

policy = " ".join(Path("data/POLICY.md").read_text().split())
visits = pd.read_csv("data/visits.csv", dtype=str, keep_default_na=False)


def cleaned(row):
    names = re.findall("[A-Z][a-z]+", row["name"] + " " + row["next_of_kin"])
    known = [r"[\w.]+@[\w.]+\w", *names, row["phone"], row["phone"].replace(" ", "")]
    return re.sub("|".join([*known, row["patient"]]), "***", row["note"])


day = visits["arrived"].str.split().str[0]
day = pd.to_datetime(day, format="mixed", dayfirst=True)
period = "M" if "first day of the month" in policy else "W"
sex = visits["sex"].str[0].str.lower().replace({"w": "f", "d": "x", "o": "x"})
year = visits["birth_date"].str.extract("([0-9]{4})")[0].astype(int)
pd.DataFrame(
    {
        "visit": visits["visit"],
        "person": visits["patient"].str.replace("[^0-9]", "", regex=True).factorize()[0] + 1,
        "birth": year // 5 * 5,
        "sex": sex,
        "area": visits["postcode"].str.zfill(5).str[:1],
        "arrived": day.dt.to_period(period).dt.start_time.dt.date,
        "diagnosis": visits["diagnosis"].str.upper().str[:3],
        "note": visits.apply(cleaned, axis=1),
    }
).to_csv("release.csv", index=False)
""")
