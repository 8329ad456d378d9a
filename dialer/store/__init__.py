"""The store: all data of a centre that survives a restart, in one SQLite file that one thread writes."""
