"""MQTT: what is announced, and commands that come in."""
