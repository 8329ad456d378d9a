"""AGI scripts that people already have, as flows: each runs as a process of its own, on a short lead."""
