"""MLE-bench: its splits and thresholds, its report formats, and the import of its competitions."""
