"""The pages for supervisors and agents, served by a separate process.

It receives the centre's state over MQTT, reads the store, and sends commands over MQTT.
"""
