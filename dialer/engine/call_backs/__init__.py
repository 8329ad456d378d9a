"""Call-backs that agents keep for themselves."""
