"""Campaigns: starting, pausing and stopping them, holds, and supervisors' speed limits and abandoned-call targets."""
