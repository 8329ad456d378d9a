"""The uplink: a process that connects a centre to its headquarters. The centre works without it."""
