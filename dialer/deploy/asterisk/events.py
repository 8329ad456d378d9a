"""The manager events that the dialler needs. Asterisk filters out all others. Pure."""

from __future__ import annotations

EVENTS = (
    "FullyBooted",
    "Shutdown",
    "OriginateResponse",
    "DialState",
    "DialEnd",
    "HangupRequest",
    "Hangup",
    "ConfbridgeJoin",
    "ConfbridgeLeave",
    "UserEvent",
    "ContactStatus",
)
"""The event filters of manager.conf, and the events that the dialler reads and the simulated Asterisk sends."""
