"""Rehearsals: a site's whole polling day with its own electoral roll and settings on a simulated Asterisk, in minutes."""
