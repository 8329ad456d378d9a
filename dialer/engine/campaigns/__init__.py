"""Campaigns: start, pause and hold, and speed orders by supervisors."""
