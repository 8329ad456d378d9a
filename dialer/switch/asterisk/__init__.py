"""The adapter for Asterisk over AMI and FastAGI. Codecs and trackers do no I/O."""
