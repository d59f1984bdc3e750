"""Pages that show evaluations and episodes: one file to pass on, or a folder served as it grows.

    folder of a run ─▶ source ─▶ overview (a row for each episode) ─▶ page
                              └▶ story of an episode, made when it is opened

Everything that agents wrote is hostile here: texts are cut to size on this side
(:mod:`mle_gym.report.shortening`), and the page's program only ever makes text of them.
"""

from mle_gym.report.write_report import Report, write_report

__all__ = ["Report", "write_report"]
