"""Commands over MQTT, such as pausing a campaign.

The dialler's side:

- `message.py` reads the format of a message.
- `senders.py` knows who may send commands.
- `checks.py` decides whether a command may be executed.
- `queues.py` stores the command until its turn.
- `gateway.py` executes it once, replies, and writes the audit entry (`audit.py`) and alerts (`alerts.py`).

The sender's side: `signer.py` writes messages, and `client.py` sends them and waits for the replies. `schema.py` documents
both.
"""
