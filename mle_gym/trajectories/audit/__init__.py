"""Checks whether an agent played by the rules, from the record of its actions."""

from mle_gym.trajectories.audit.rules import RULES, Rule
from mle_gym.trajectories.audit.run_audit import Audit, audit_trajectory

__all__ = ["RULES", "Audit", "Rule", "audit_trajectory"]
