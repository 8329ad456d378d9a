"""Booth workers: people at polling booths who report the serial numbers of voters who have voted.

A booth worker enters the serial numbers on the phone's keypad, or reads them out to an agent. Each report is stored as
a mark (a fact about a voter).
"""
