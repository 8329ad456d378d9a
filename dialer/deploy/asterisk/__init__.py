"""Asterisk's configuration as templates, and their rendering. The simulated Asterisk runs the same dialplan."""
