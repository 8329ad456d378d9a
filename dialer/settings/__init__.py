"""Settings of a site or of headquarters, and jurisdiction profiles."""
