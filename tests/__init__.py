"""The tests. This file makes them the package of this name, whatever else is installed."""
