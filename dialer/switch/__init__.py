"""Adapters between the dialler and its telephony: Asterisk and Twilio. Both implement `dialer.domain.switch`."""
