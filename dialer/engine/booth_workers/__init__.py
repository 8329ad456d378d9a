"""Booth workers: people at polling booths who report the serial numbers of voters who have voted.

They report them by keypad or to an agent. Each report is stored as a mark (a recorded answer about a voter).
"""
