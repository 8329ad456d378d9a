"""All commands of `dialer`."""
