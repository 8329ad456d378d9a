"""The Asterisk adapter: it controls calls over AMI (the manager interface), and serves calls in IVR flows over FastAGI."""
