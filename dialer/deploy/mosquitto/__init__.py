"""The configuration of a Mosquitto broker: users, passwords and their access to topics."""
