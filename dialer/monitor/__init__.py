"""What supervisors watch and steer over MQTT."""
