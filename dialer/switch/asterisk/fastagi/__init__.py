"""Handlers of FastAGI connections: calls in IVR flows, agents' log-ins by phone, and inbound calls."""
