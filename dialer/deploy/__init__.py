"""Configuration files for Asterisk, Mosquitto and systemd, made from a site's settings, and a linter of Asterisk's
configuration.
"""
