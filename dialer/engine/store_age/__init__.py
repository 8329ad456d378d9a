"""Stops dialling with an outdated store: it lacks the newest call that the broker or an Asterisk server has recorded."""
