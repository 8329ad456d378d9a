"""Journeys: what each role of a centre does on its first day, and the mistakes people have made.

`python -m tests.journeys` installs the product as a user would, runs a centre with simulated calls and runs all journeys there.
`test_journeys.py` runs the parts that need no centre, in its own process.
"""
