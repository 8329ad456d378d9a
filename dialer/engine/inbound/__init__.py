"""Inbound calls to the site's own numbers."""
