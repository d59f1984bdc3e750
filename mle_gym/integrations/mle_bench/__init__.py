"""MLE-bench: its splits and thresholds, its report formats, and its competitions imported."""
