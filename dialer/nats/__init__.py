"""The connection between centres and headquarters over nats-server: sessions, messages, keys, and files of results (outbox)."""
