"""Simulations of everything outside the dialler: Asterisk, voters, agents and time. Used by tests, demos, rehearsals
and what-if runs.
"""
