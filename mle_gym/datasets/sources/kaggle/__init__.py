"""The raw files of competitions: on this machine, or from Kaggle."""
