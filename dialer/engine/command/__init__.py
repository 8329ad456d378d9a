"""Commands: requests to the engine from people and programs.

- `base.py`: the base class of all commands.
- `fields.py`: field types that several commands use.
- `catalogue.py`: all commands by name.
- `reading.py`: makes a command from a message.

The commands themselves are in `commands.py` of each feature.
"""
