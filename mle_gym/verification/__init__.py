"""Is a recorded result whole and true? The record's own consistency, and its score once more."""

from mle_gym.verification.findings import Finding, Verification
from mle_gym.verification.verify import verify_trajectory

__all__ = ["Finding", "Verification", "verify_trajectory"]
