"""Turnout: polling booths, polling days, voters' recorded answers (marks), and the turnout figures computed from the
answers.
"""
