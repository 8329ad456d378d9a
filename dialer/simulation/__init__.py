"""Simulated Asterisk, voters' and agents' behaviour, virtual time, what-if runs."""
