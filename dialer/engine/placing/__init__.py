"""Placing calls: how many calls, to which numbers, over which trunk, and whether the rules allow each."""
