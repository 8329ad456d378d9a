"""A simulated Asterisk 22: a server that speaks AMI, calls our FastAGI over TCP, and keeps a journal of its calls."""
