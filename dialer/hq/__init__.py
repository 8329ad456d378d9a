"""Headquarters of many centres: stores their results, forwards updates between them, and serves its pages."""
