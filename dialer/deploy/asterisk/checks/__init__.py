"""Checks of Asterisk's configuration files, by subject. They receive parsed files and return faults, without I/O."""
