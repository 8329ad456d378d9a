"""Pure pacing: how many calls to place now. No clock, no I/O, no randomness of its own."""
