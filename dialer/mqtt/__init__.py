"""The dialler's MQTT interface: it publishes state and call results, and receives commands. Also clients for other programs."""
