"""The live board on a terminal, drawn from the engine's view."""
