"""Is a recorded result whole and true? The record's own consistency, and its score once more."""

from mle_gym.trajectories.findings import Finding, Verification
from mle_gym.trajectories.verify.run_verification import verify_trajectory

__all__ = ["Finding", "Verification", "verify_trajectory"]
