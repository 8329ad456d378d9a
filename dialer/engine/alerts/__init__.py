"""Alerts: conditions that somebody at the centre has to know about."""
