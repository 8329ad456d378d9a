"""The recorded prompts of campaigns, and their conversion to the sound files that Asterisk plays."""
