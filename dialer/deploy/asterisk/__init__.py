"""Rendering of Asterisk's configuration from templates. The simulated Asterisk runs the same dialplan."""
