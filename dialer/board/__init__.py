"""The live board on a terminal, drawn from a centre's published state."""
