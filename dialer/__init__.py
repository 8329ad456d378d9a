"""The dialler: pacing, rules, calls and seats, the switch, the store, and what people watch."""
