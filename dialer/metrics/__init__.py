"""Figures for a monitoring server that comes and asks: of the dialler, and of the desk."""
