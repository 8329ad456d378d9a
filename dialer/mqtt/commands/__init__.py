"""Commands over MQTT.

On the dialler's side `message.py` reads the form of a message, `senders.py` knows who may send commands, `checks.py`
decides whether a command may be executed, `queues.py` holds it until its turn, and `gateway.py` executes it once, answers
it and audits it (`audit.py`, `alerts.py`). On the sender's side `signer.py` writes messages, and `client.py` sends them and
waits for the replies. `schema.py` documents both.
"""
