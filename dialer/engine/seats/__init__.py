"""Seats: agents' log-in and log-off, pauses, PINs, phone keys, screen pops, messages and dead phones."""
