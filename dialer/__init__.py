"""The dialler: pacing, rules, calls and seats, the switch, the store, and what people watch."""

__version__ = "0.1.0"
