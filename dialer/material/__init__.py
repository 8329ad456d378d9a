"""Material on its way down: flows, texts, sounds and the like in signed, versioned bundles (The Update Framework), as files."""
