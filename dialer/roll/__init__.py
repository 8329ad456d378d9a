"""Electoral rolls (lists of voters): reading and importing them in many formats, and synthetic rolls."""
