"""Call outcomes and SIP statuses that mean a failure of the trunk or its carrier."""

from __future__ import annotations

from dialer.domain.model import Outcome

TRUNK_FAILURES = frozenset({Outcome.CARRIER_FAILURE, Outcome.CONGESTION})
"""Outcomes that count as failures of the trunk's carrier."""
CARRIER_REFUSES = frozenset({"401", "402", "403", "407"})
"""SIP statuses that mean the carrier rejects our calls: no credit, or caller ID or IP address not accepted. A person
who declines a call gives 603.
"""
