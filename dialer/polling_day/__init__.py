"""The polling day: expected turnout, the time of the last call to each booth, and the order of the booths."""
