"""Writes a program that adds up line by line, and takes a sample of the orders for the rest."""

from pathlib import Path

PROGRAM = """\
import csv
import json

SAMPLE = 5000
REGIONS = [str(each) for each in range(1, 9)]

with open("data/questions.json") as file:
    questions = json.load(file)
bound = next(each["cents"] for each in questions if each["statistic"] == "count_from")
total, largest, count = ({each: 0 for each in REGIONS} for _ in range(3))
sample = {each: [] for each in REGIONS}
with open("data/orders.csv", newline="") as file:
    for place, row in enumerate(csv.DictReader(file)):
        region, cents = row["region"], int(row["cents"])
        total[region] += cents
        largest[region] = max(largest[region], cents)
        count[region] += cents >= bound
        if place < SAMPLE:
            sample[region].append((row["user"], cents))
share = min(1, SAMPLE / (place + 1))


def guess(asked, region):
    orders = sorted(cents for _, cents in sample[region])
    if asked["statistic"] == "quantile":
        return orders[int(asked["q"] * (len(orders) - 1))]
    if asked["statistic"] == "plan_total":
        return total[region] // 3
    return round(len({user for user, _ in sample[region]}) / share)


exact = {"total": total, "largest": largest, "count_from": count}
with open("results.csv", "w") as file:
    print("id,value", file=file)
    for asked in questions:
        for region in REGIONS:
            known = exact.get(asked["statistic"])
            value = known[region] if known else guess(asked, region)
            print(f"{10 * asked['question'] + int(region)},{value}", file=file)
"""

Path("answer.py").write_text(PROGRAM, encoding="utf-8")
