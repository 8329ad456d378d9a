"""Twilio as a carrier: calls over its REST API, and flows over TwiML webhooks. Needs the optional extra `twilio`."""

from dialer.extras import with_extra

NO_TWILIO = f"twilio is enabled, but not installed: {with_extra('twilio')}"
"""The error message if the extra is not installed."""
