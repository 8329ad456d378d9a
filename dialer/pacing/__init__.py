"""Pure pacing: how many calls to place now. No clock, no I/O, no randomness of its own."""

from dialer.pacing.factory import UnknownPolicy, make_pacer

__all__ = ["UnknownPolicy", "make_pacer"]
