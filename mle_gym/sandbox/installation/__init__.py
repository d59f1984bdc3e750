"""The Python installation that agents are offered: which packages, and what lies in them."""
