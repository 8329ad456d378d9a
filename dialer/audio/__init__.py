"""Campaign sound: what prompts exist and how they are made ready for the line. No telephony."""
