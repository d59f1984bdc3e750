"""Is a recorded result whole and true? The record's own consistency, and its score once more."""

from mle_gym.trajectories.verify.run_verification import Verification, verify_trajectory

__all__ = ["Verification", "verify_trajectory"]
