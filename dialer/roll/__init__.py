"""The roll: reading it as it comes, and making synthetic ones."""
