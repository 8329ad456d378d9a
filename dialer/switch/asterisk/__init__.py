"""Asterisk over AMI and FastAGI: codecs without I/O, thin shells round them."""
