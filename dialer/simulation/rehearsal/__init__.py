"""A rehearsal: the whole polling day of a site's own roll and settings, on simulated lines, in minutes."""
