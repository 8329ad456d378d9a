"""Turnout: polling booths, polling days, voters' recorded answers (marks), and the figures that follow from them."""
