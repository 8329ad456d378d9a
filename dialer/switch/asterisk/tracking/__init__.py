"""Trackers of calls, agents' phones and third parties: they turn AMI events into the engine's events. No I/O."""
