"""Rehearsals: a site's whole polling day with its own roll and settings on a simulated Asterisk, in minutes."""
