"""Prometheus metrics and health checks of the long-running processes."""
