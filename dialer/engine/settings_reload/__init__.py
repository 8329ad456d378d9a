"""Reloading the settings file while the dialler runs."""
