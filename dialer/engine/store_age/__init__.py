"""Stops dialling with a store that was set back: it lacks the newest call that the broker or an Asterisk server has
recorded.
"""
