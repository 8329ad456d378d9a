"""Installing a site as systemd services: unit files, user and folders."""
