"""Listening, whispering, barging in and recording: what a supervisor may do on a seat, by role."""
