"""Rendering Asterisk's configuration from templates. The simulated Asterisk uses the same dialplan."""
