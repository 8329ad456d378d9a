"""What makes a site a service of its machine: units of systemd, its user and folders."""
