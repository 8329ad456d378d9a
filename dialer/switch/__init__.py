"""The switch as a port, and its adapters."""
