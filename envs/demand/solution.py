"""The forecast that would have done best on the trial's products, fitted to all of the past."""

import sys
from itertools import product

sys.path.insert(0, "data")
import forecast

table, trial = forecast.read()
first = forecast.first_test_day(table)
choices = [
    dict(zip(forecast.CHOICES, values, strict=True))
    for values in product(*forecast.CHOICES.values())
]
best = min(choices, key=lambda choice: forecast.validation(table, trial, first, choice))
forecast.write(table, forecast.forecast(table, first, **best))
