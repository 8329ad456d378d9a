"""Checks of an Asterisk configuration, by subject. They take parsed files and return findings, without I/O."""
