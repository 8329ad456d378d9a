"""This process and its operating system: signals, memory, event-loop lag, systemd."""
