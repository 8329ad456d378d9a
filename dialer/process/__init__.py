"""Operating-system services for this process: signals, memory, event-loop lag, systemd, and worker processes."""
