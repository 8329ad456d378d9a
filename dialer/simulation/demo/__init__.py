"""The demos: one centre, or a headquarters with many centres, on simulated Asterisks."""
