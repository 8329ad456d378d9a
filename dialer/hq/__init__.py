"""Headquarters of many centres: what they announce is gathered, and what each must know of the others goes out."""
