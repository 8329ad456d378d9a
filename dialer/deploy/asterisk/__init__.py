"""Writing Asterisk's configuration files from templates, and checking them. The simulation uses the same dialplan."""
