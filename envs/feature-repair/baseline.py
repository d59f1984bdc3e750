"""Mends at most two of the faults that most rows show, and takes the rest for right."""

from pathlib import Path

SUSPECTS = (
    ("100 * 100", '100 * MINOR_UNITS[order["currency"]]'),
    ('changes[order["store"]][0][1]', 'as_of(changes, order["store"], order["at"])'),
    (".replace(tzinfo=UTC)", ".astimezone(UTC)"),
    ("= int(entries[-1]", "= int((valid or entries)[-1]"),
)
MOST = 2

program, mended = Path("data/features.py").read_text(encoding="utf-8"), 0
for wrong, right in SUSPECTS:
    if wrong in program and mended < MOST:
        program, mended = program.replace(wrong, right), mended + 1
Path("features.py").write_text(program, encoding="utf-8")
