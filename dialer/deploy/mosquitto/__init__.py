"""The configuration of a Mosquitto broker: who may connect, who may publish and read what."""
