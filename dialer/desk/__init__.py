"""Pages for people: a process of its own that hears the centre over MQTT, reads the store, and gives commands over MQTT."""
