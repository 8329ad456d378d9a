"""Booths, the polling day, marks and the turnout figures that follow from them."""
