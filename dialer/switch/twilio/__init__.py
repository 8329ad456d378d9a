"""The Twilio adapter: it places calls over Twilio's REST API, and serves IVR flows as TwiML over webhooks. Needs the
optional extra `twilio`.
"""

from dialer.extras import describe_extra_installation

NO_TWILIO = f"twilio is enabled, but not installed: {describe_extra_installation('twilio')}"
"""The error message if the extra is not installed."""
