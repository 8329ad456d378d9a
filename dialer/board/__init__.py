"""The live board on a terminal, drawn from the engine's views (its state at one moment)."""
