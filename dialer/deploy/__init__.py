"""Configuration files for Asterisk, Mosquitto and systemd, rendered from a site's settings, and a linter for Asterisk's."""
