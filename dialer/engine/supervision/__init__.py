"""Supervision: listening to seats, whispering and barging in, by role."""
