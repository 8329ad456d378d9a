"""Material for centres: flows, texts, sounds and settings in signed, versioned bundles (The Update Framework), served as files."""
