"""What Asterisk asks of us over FastAGI: flows, agents' log-ins, calls that come in."""
