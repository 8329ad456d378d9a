"""Placing calls: how many calls to place, which numbers to call over which trunk, and whether the rules allow each
call.
"""
