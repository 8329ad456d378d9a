"""A simulated Asterisk 22: a server that speaks AMI, connects to our FastAGI over TCP, and writes a journal of its calls."""
