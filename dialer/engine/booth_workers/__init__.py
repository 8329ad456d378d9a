"""Booth workers: serial numbers of voters, which they report by keypad or to an agent, recorded as marks."""
