"""Campaigns: starting, pausing and stopping them, reasons not to dial, and supervisors' speed limits and abandoned-call
targets.
"""
