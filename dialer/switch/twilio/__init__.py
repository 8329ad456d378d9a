"""The Twilio adapter: it places calls over Twilio's REST API, and serves IVR flows as TwiML over webhooks. Needs the
optional extra `twilio`.
"""

from dialer.extras import with_extra

NO_TWILIO = f"twilio is enabled, but not installed: {with_extra('twilio')}"
"""The error message if the extra is not installed."""
