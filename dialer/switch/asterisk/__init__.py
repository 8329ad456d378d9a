"""The adapter for Asterisk over AMI and FastAGI. Its codecs and trackers do no I/O."""
