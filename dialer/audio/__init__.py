"""The prompts of campaigns, and their conversion to sounds for Asterisk. No telephony."""
