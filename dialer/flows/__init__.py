"""What a caller hears and presses: flows, and the pure machine that runs them; and what an agent reads out. No Asterisk, no SQL."""
