"""Twilio as a carrier: calls over its REST API, flows as TwiML webhooks. Needs the extra `twilio`; nothing else imports it."""
