-- When headquarters' nats-server stored the message at this position (epoch seconds), to notice that the server was set back.
ALTER TABLE news_position ADD COLUMN stored_at REAL;  -- NULL: unknown, as after a snapshot
