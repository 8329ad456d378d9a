"""What people of a centre do on their first day and where they have stumbled, walked as each role.

`python -m tests.journeys` installs the product as a user would, runs a centre on simulated lines and walks them all;
`test_journeys.py` walks those parts that need no running centre, in its own process.
"""
