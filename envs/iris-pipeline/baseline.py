"""Mends what breaks the pipeline on other rows, its labels and its units, and leaves the rest."""

from pathlib import Path

UNITS = """\
for table in (train, test):
    table.loc[table["station"] == "south", measured] /= 10

model ="""

program = Path("data/pipeline.py").read_text(encoding="utf-8")
for old, new in {
    "ROWS = 20": "ROWS = len(pd.read_csv('data/test.csv'))",
    "columns=SPECIES": "columns=model.classes_",
    "model =": UNITS,
}.items():
    assert old in program, old
    program = program.replace(old, new)
Path("pipeline.py").write_text(program, encoding="utf-8")
