"""Campaign material for centres: flows, texts, sounds and settings.

It is published as files, in signed and versioned bundles (The Update Framework).
"""
