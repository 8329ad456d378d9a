"""A site as systemd services: units, user and folders."""
