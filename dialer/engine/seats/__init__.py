"""Seats: agents log in and off, pause and resume; PINs, phone keys, screen pops and lost phones."""
