"""The adapters of the switch port (`dialer.domain.switch`): Asterisk and Twilio."""
