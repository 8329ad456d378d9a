"""Commands: requests to the engine from people and programs.

`base.py` has the class that every command extends, `fields.py` the field types that several commands use, `catalogue.py` all
commands by name, and `reading.py` makes a command from a message. The commands themselves are in `commands.py` of each feature.
"""
