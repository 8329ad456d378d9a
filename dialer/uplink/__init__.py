"""The uplink: a process beside the dialler that joins its centre to headquarters. The centre runs on without it."""
