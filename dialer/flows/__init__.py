"""IVR flows and the state machine that runs them, and the scripts that agents read. No Asterisk, no SQL."""
