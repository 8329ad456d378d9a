"""The configuration files of a Mosquitto broker: users, passwords, and the topics that each user may read and write."""
