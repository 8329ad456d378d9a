"""Rendered configuration: files for Asterisk, Mosquitto and systemd, made from a site's settings, and the lint that checks them."""
