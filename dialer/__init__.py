"""The predictive dialler: pacing, legal rules, calls and seats, Asterisk and Twilio, the database, and web pages."""

__version__ = "0.1.0"
