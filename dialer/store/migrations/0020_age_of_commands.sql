-- Commands are forgotten by age, once they have expired for long.
CREATE INDEX command_by_age ON command (at);
