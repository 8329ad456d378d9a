"""The adapters that connect the dialler to telephony through the switch port (`dialer.domain.switch`): Asterisk and
Twilio.
"""
