"""Settings of a centre or of headquarters, and jurisdiction profiles, which contain the legal rules of a place."""
