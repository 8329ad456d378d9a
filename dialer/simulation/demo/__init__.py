"""The demos: a whole centre, or a headquarters with centres, on simulated lines."""
