"""A simulated Asterisk 22: a server that speaks AMI, connects to our FastAGI over TCP, and writes every call to a
journal file.
"""
