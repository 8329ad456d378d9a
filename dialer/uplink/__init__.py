"""The uplink: a process that connects a centre to headquarters. The centre runs on without it."""
