"""Several Asterisk servers under one dialler: which are reachable, and which one places the next call."""
