"""Preview calls, and manual calls to numbers that agents choose from the campaign's list."""
