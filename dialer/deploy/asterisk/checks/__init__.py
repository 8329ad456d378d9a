"""Checks of an Asterisk configuration, by subject. They receive parsed files and return findings, without I/O."""
