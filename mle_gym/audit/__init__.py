"""Did an agent play by the rules? What a record of its actions can show, decided by rules."""

from mle_gym.audit.audit import audit_trajectory
from mle_gym.audit.findings import RULES, Audit, Finding, Rule

__all__ = ["RULES", "Audit", "Finding", "Rule", "audit_trajectory"]
