"""Orders and updates from headquarters."""
