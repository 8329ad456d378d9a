"""Replay of a recorded day: a day from the store as a scenario for any pacing policy."""
