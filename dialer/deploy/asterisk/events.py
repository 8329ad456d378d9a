"""The manager's events that the dialler asks for; everything else is filtered out by Asterisk itself. Pure."""

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
"""In manager.conf as event filters, in the dialler as what it reads, in the simulation as what its manager user is sent."""
