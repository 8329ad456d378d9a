"""Pacing: how many calls to place now. Pure decisions: no clock, no I/O, no random numbers."""
