"""MQTT: the dialler's state and results, commands to it, and clients that use them."""
