-- What an agent wrote down of a call is kept by the desk that took it; here stands its id.
ALTER TABLE attempt ADD COLUMN note TEXT;
