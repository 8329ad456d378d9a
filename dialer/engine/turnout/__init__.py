"""Turnout: booths, polling days, marks, and the figures that follow from them."""
