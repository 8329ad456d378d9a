"""Trunks: channels, calls per second (CPS), caller IDs and health."""
