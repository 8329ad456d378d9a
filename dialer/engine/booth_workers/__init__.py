"""Booth workers: people at polling booths who report the serial numbers of voters who have voted.

They enter the numbers on the phone's keypad, or tell them to an agent. Each report is stored as a mark (a fact about a
voter).
"""
