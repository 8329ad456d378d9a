"""Preview calls, and manual calls that agents choose from the list."""
