"""Campaign material for centres: flows, texts, sounds and settings.

Headquarters publishes it as signed, versioned bundles of files (The Update Framework).
"""
