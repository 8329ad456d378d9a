"""Functions of the operating system for this process: signals, memory, event-loop lag, systemd, worker processes."""
