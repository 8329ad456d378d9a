"""Placing calls: how many, to which numbers, over which trunk, and whether the rules allow each."""
