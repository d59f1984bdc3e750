"""Did an agent play by the rules? What a record of its actions can show, decided by rules."""

from mle_gym.trajectories.audit.rules import RULES, Rule
from mle_gym.trajectories.audit.run_audit import Audit, audit_trajectory

__all__ = ["RULES", "Audit", "Rule", "audit_trajectory"]
