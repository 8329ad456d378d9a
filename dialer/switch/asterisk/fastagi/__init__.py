"""Handlers of FastAGI connections: calls in flows, agents' log-ins by phone, and inbound calls."""
