"""The polling day: expected turnout, the last call to the voters of each polling booth, and the order of the booths."""
