"""Users who may give commands, besides those in the settings."""
