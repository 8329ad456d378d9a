"""What a caller hears and presses: flows, and the pure machine that runs them. No Asterisk, no SQL."""
