"""Turnout: polling booths, polling days, marks (facts about voters), and the turnout figures computed from the
answers.
"""
