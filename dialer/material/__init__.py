"""Campaign material for centres: flows, texts, sounds and settings.

Headquarters publishes it in bundles: versioned folders of files, signed as The Update Framework (TUF) specifies.
"""
