"""Twilio as a carrier: calls over its REST API, flows as TwiML webhooks. Needs the extra `twilio`; nothing else imports it."""

NO_TWILIO = "twilio is enabled, but not installed: in Matdan's own folder, .venv/bin/pip install -e '.[twilio]'"
"""Said where the extra is not installed."""
