"""The store: its contract, SQL in files, one writer."""
