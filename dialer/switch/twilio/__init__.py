"""Twilio as a carrier: calls over its REST API, flows as TwiML webhooks.

Needs the extra `twilio`; nothing else imports it.
"""

from dialer.extras import with_extra

NO_TWILIO = f"twilio is enabled, but not installed: {with_extra('twilio')}"
"""The message where the extra is not installed."""
