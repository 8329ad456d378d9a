"""User accounts that may give commands, in addition to the supervisors in the settings."""
