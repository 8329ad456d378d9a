"""Alerts: conditions that somebody at the centre must know about."""
