"""The events of Asterisk's manager interface that the dialler needs. Asterisk is configured to send only these."""

from __future__ import annotations

EVENTS = (
    "FullyBooted",
    "Shutdown",
    "OriginateResponse",
    "DialBegin",
    "DialState",
    "DialEnd",
    "HangupRequest",
    "Hangup",
    "ConfbridgeJoin",
    "ConfbridgeLeave",
    "UserEvent",
    "ContactStatus",
    "Registry",
    "Hold",
    "Unhold",
)
"""The events in manager.conf's filters, which the dialler reads and the simulated Asterisk sends."""
