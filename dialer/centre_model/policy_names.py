"""The names of the pacing policies that can be simulated."""

from __future__ import annotations

from dialer.domain.enums import PacingPolicy

POLICY_NAMES = (PacingPolicy.PREDICTIVE.value, PacingPolicy.PROGRESSIVE.value, PacingPolicy.RATIO.value)
"""Every name that `policies.find_pacing_policy` accepts."""
