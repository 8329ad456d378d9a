"""Reloading the settings while the dialler runs."""
