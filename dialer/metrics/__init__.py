"""Figures for a monitoring server that comes and asks: of every process that runs on."""
