"""Polling day: which booth's voters are called next, and how far the day will get. Pure."""
