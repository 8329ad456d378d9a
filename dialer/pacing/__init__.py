"""Pacing: how many calls to place now. Pure: no clock, no I/O, no random numbers."""
