"""The polling day: expected turnout, the time of the last call to voters of each polling booth, and the order of the
booths.
"""
