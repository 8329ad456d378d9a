"""The state of calls, agents' phones and third parties as Asterisk has reported it, turned into events for the engine.

Pure.
"""
