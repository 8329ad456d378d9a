"""The recorded prompts of campaigns, and their conversion to sound files for Asterisk. No telephony."""
