"""Booth workers: serial numbers that they report by keypad or to an agent, recorded as marks."""
